"""Messages of any content: each is started once, answered once, or kept for a person."""

import json
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from engine.answer import presentable
from engine.safety_net import SafetyNet
from hypothesis import given
from hypothesis import strategies as st
from receive import handler as receive
from report import handler as report

from tests.support import hostile
from tests.support.lambdas import EVENTS, Context
from tests.unit.test_receive import QUEUES, batch

MESSAGES = {kind: json.loads((EVENTS / f"{kind}.json").read_text()) for kind in QUEUES}
MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:engine"
INPUT_BYTES = 262_144  # Step Functions takes no longer input


class Services:
    """Service Catalog, Step Functions and SQS, as far as `receive` and the safety net call them over HTTP."""

    def __init__(self) -> None:
        self.started: list[dict[str, Any]] = []
        self.answers: list[dict[str, Any]] = []
        self.kept: list[dict[str, Any]] = []

    def answer(self, request: Any, **_: Any) -> AWSResponse:
        """Take what boto3 is about to send."""
        operation = request.headers["X-Amz-Target"].decode().rpartition(".")[2]
        given = json.loads(request.body)
        if operation == "StartExecution" and len(given["input"].encode()) > INPUT_BYTES:
            return _response(request, 400, {"__type": "InvalidExecutionInput", "message": "too long"})
        if operation == "DescribeExecution":
            return _response(request, 400, {"__type": "ExecutionDoesNotExist", "message": "nothing started"})
        if operation == "DescribeRecord":
            return _response(request, 400, {"__type": "ResourceNotFoundException", "message": "no record"})
        {"StartExecution": self.started, "SendMessage": self.kept}.get(operation, self.answers).append(given)
        return _response(request, 200, {"executionArn": "arn", "startDate": 0})


def _response(request: Any, status: int, body: dict[str, Any]) -> AWSResponse:
    raw = SimpleNamespace(stream=lambda *_, **__: iter([json.dumps(body).encode()]))
    return AWSResponse(request.url, status, HTTPHeaders(), raw)


@pytest.fixture(scope="module")
def clients() -> Iterator[Callable[[], Services]]:
    """Give the handlers clients whose requests end here; each example gets its own record of them."""
    services = Services()
    sfn, servicecatalog, sqs = (
        boto3.client("stepfunctions"),
        boto3.client("servicecatalog"),
        boto3.client("sqs"),
    )
    made: list[Any] = [sfn, servicecatalog, sqs]
    net = SafetyNet(
        servicecatalog, sfn, sqs, MACHINE, "https://sqs.us-east-1.amazonaws.com/123456789012/unreported"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STATE_MACHINE_ARN", MACHINE)
        patch.setattr(receive, "sfn", lambda: sfn)
        patch.setattr(report, "servicecatalog", lambda: servicecatalog)
        patch.setattr(report, "safety_net", lambda: net)

        def fresh() -> Services:
            nonlocal services
            for client in made:
                client.meta.events.unregister("before-send", unique_id="services")
            services = Services()
            for client in made:
                answer: Any = services.answer  # botocore uses the return value as the response
                client.meta.events.register("before-send", answer, unique_id="services")
            return services

        yield fresh


def _check(services: Services, body: str, queue: str) -> None:
    """Deliver a body as SQS does: to `receive`, and as a dead letter if that fails."""
    context: Any = Context()
    sent = batch(body, queue=queue)
    if receive.handle(sent, context)["batchItemFailures"]:
        [letter] = batch(body, queue="dead letters")["Records"]
        letter["attributes"]["DeadLetterQueueSourceArn"] = sent["Records"][0]["eventSourceARN"]
        assert report.handle({"Records": [letter]}, context) == {"batchItemFailures": []}
    outcomes = [len(services.started), len(services.answers), len(services.kept)]
    assert sorted(outcomes) == [0, 0, 1], outcomes
    assert [kept["MessageBody"] for kept in services.kept] in ([], [body])
    for started in services.started:
        operation = json.loads(started["input"])
        assert operation["kind"] == queue.upper()
        assert operation["token"]
        assert "token" not in operation["message"]
        assert 1 <= len(started["name"]) <= 80
    for answer in services.answers:
        assert answer["Status"] == "FAILED"
        assert 1 <= len(answer["FailureReason"]) <= 2048


@given(body=hostile.bodies, queue=st.sampled_from(sorted(QUEUES)))
def test_any_body_is_started_answered_or_kept(clients: Callable[[], Services], body: str, queue: str) -> None:
    _check(clients(), body, queue)


@given(
    body=st.one_of([hostile.altered(message).map(json.dumps) for message in MESSAGES.values()]),
    queue=st.sampled_from(sorted(QUEUES)),
)
def test_a_message_with_any_defects_is_started_answered_or_kept(
    clients: Callable[[], Services], body: str, queue: str
) -> None:
    _check(clients(), body, queue)


@given(
    error=hostile.text | hostile.names,
    cause=hostile.values.map(json.dumps) | hostile.text,
)
def test_a_failure_of_any_kind_is_told_in_characters_that_service_catalog_takes(
    clients: Callable[[], Services], error: str, cause: str
) -> None:
    services, context = clients(), Context()
    failed = {"kind": "UPDATE", "token": "t", "recordId": "rec-1", "provisionedProductId": "pp-1"}
    report.handle(
        {**failed, "status": "FAILED", "error": {"Error": error, "Cause": cause}},
        context,  # type: ignore[arg-type]
    )
    [answer] = services.answers
    assert presentable(answer["FailureReason"]) == answer["FailureReason"]
    assert 1 <= len(answer["FailureReason"]) <= 2048
