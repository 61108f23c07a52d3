"""The platform team's commands."""

import json
from collections.abc import Iterator
from functools import cache

import pytest

from catalog_stack.operator.__main__ import main
from local_cloud.cloud import Cloud
from tests.support.machinery import executions
from tests.support.operator import Command, Said


@pytest.fixture
def command(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Command]:
    """The command in the environment that `make cloud` prints. It checks that no output has a token."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", cloud.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    said: list[Said] = []

    def run(*words: str) -> Said:
        code = main(words)
        said.append(Said(code, *capsys.readouterr()))
        return said[-1]

    yield run
    tokens = [_token(cloud, execution["executionArn"]) for execution in executions(cloud)]
    assert not [token for token in tokens if token in str(said)]


@cache
def _token(cloud: Cloud, execution: str) -> str:
    """The token that an execution was started with, which never changes."""
    described = cloud.client("stepfunctions").describe_execution(executionArn=execution)
    return str(json.loads(described["input"])["token"])
