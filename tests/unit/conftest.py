"""AWS in this process for code that calls it, and the messages that Service Catalog sends."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.stub import Stubber
from moto import mock_aws

from tests.support.lambdas import EVENTS, Context, client
from tests.support.response_url import Answers


@pytest.fixture
def context() -> Context:
    return Context()


@pytest.fixture
def logged() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Give the lines that the engine has logged, as CloudWatch Logs gets them."""
    from engine.entry_point import logger

    log = logger.registered_handler
    assert isinstance(log, logging.StreamHandler)
    before = log.setStream(written := io.StringIO())
    yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    log.setStream(before)


@pytest.fixture
def aws() -> Iterator[Callable[[str], Any]]:
    """Give clients of an empty account."""
    with mock_aws():
        yield client


@pytest.fixture
def stubbed() -> Iterator[Callable[[str], tuple[Any, Stubber]]]:
    """Make a client that answers with recorded responses; all of them have to be asked for by the end."""
    active: dict[str, Stubber] = {}

    def finish(service: str) -> None:
        stubber = active.pop(service)
        stubber.deactivate()
        stubber.assert_no_pending_responses()

    def make(service: str) -> tuple[Any, Stubber]:
        if service in active:
            finish(service)
        active[service] = Stubber(client(service))
        active[service].activate()
        return client(service), active[service]

    yield make
    for service in list(active):
        finish(service)


@pytest.fixture
def cloudformation(stubbed: Callable[[str], tuple[Any, Stubber]]) -> tuple[Any, Stubber]:
    return stubbed("cloudformation")


@pytest.fixture
def event() -> Callable[[str], dict[str, Any]]:
    """Read one of Service Catalog's messages, as they were captured."""
    return lambda name: json.loads((EVENTS / f"{name}.json").read_text())


@pytest.fixture
def request_of(event: Callable[[str], dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Build what the workflow's states get of a message."""

    def build(name: str, **more: Any) -> dict[str, Any]:
        message = event(name)
        message.pop("token")
        return {
            "kind": name.upper(),
            "recordId": message["recordId"],
            "provisionedProductId": message["provisionedProductId"],
            "message": message,
            **more,
        }

    return build


@pytest.fixture
def answers() -> Iterator[Answers]:
    answers = Answers()
    yield answers
    answers.server.shutdown()
    answers.server.server_close()
