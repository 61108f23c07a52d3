"""Messages to the engine that come twice, that nobody can read, or that lack something."""

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from local_cloud.cloud import Cloud
from tests.support.launches import Catalog, product_of, reason
from tests.support.machinery import dead_letters, eventually, executions, operations, stacks_ever, unreported

WRONG = {"EnvironmentSuffix": "Bad_Suffix", "OpsEmails": "ops@example.com"}  # a launch that fails at once
Message = dict[str, Any]


@pytest.mark.parametrize("copies", [2, 10])
def test_a_message_that_comes_several_times_starts_one_execution(
    cloud: Cloud, catalog: Catalog, copies: int
) -> None:
    # GIVEN the message of a launch, as Service Catalog has sent it
    queue = operations(cloud, "Provision")
    with queue.held():
        launched = catalog.start_provision(f"copies-{copies}", **WRONG)
        body = queue.take()

    # WHEN SQS delivers it several times at once, and once more when all is over
    queue.send(*[body] * copies)
    record = catalog.ended(launched)
    queue.send(body)
    eventually(lambda: queue.depth() == 0, "the queue is empty")

    # THEN one execution has started, and it has answered once
    assert len(executions(cloud, of=product_of(record))) == 1
    assert catalog.answers(record) == ["FAILED"]
    assert dead_letters(cloud).depth() == 0


def test_a_body_that_names_no_operation_to_answer_goes_to_the_unreported_and_nowhere_else(
    cloud: Cloud,
) -> None:
    # GIVEN what has run so far
    before = executions(cloud)

    # WHEN bodies come that hold no token
    unanswerable = {"operation": "PROVISION_PRODUCT", "recordId": "rec-1", "provisionedProductId": "pp-1"}
    bodies = ["not JSON", "[]", "{}", json.dumps(unanswerable), json.dumps(unanswerable | {"token": ""})]
    queue, letters, last = operations(cloud, "Provision"), dead_letters(cloud), unreported(cloud)
    queue.send(*bodies)

    # THEN they are kept for a person to see, and nothing has started
    depths = (0, 0, len(bodies))
    eventually(lambda: (queue.depth(), letters.depth(), last.depth()) == depths, "all are in the last queue")
    assert sorted(last.take() for _ in bodies) == sorted(bodies)
    assert executions(cloud) == before


def _without(name: str) -> Callable[[Message], Message]:
    return lambda message: {key: value for key, value in message.items() if key != name}


def _with(**fields: Any) -> Callable[[Message], Message]:
    return lambda message: message | fields


def _with_artifact(path: str) -> Callable[[Message], Message]:
    return lambda message: message | {"artifact": {"path": path, "type": "AWS_S3"}}


def _elsewhere(message: Message) -> Message:
    return _with_artifact(f"{message['artifact']['path'].rpartition('/')[0]}/{uuid.uuid4()}")(message)


# For each defect of a message: the function that makes it, and the words in the answer.
DEFECTS: dict[str, tuple[Callable[[Message], Message], str]] = {
    "an unknown operation": (_with(operation="EXPLODE_PRODUCT"), 'operation "EXPLODE_PRODUCT" came through'),
    "an operation of another queue": (
        _with(operation="TERMINATE_PROVISIONED_PRODUCT"),
        "queue for PROVISION",
    ),
    "no operation": (_without("operation"), "Object missing required field `operation`"),
    "no launch role": (_without("launchRoleArn"), "Object missing required field `launchRoleArn`"),
    "a launch role that its record does not name": (
        _with(launchRoleArn="arn:aws:iam::123456789012:role/nobody"),
        "launch role arn:aws:iam::123456789012:role/nobody, and its record names arn:aws:iam::123456789012:",
    ),
    "parameters that are none": (_with(parameters="none"), "Expected `array`, got `str` - at `$.parameters`"),
    "no artifact": (_without("artifact"), "Object missing required field `artifact`"),
    "an artifact that is no address": (_with_artifact("s3:/nowhere"), "- at `$.artifact.path`"),
    "an artifact that is gone": (_elsewhere, "artifact"),
    # Step Functions takes at most 256 KiB, SQS four times as much.
    "more than an execution can hold": (_with(padding="x" * 300_000), "engine failed (OperationNotStarted)"),
    # The resource identifier is made of this id. Without one, Service Catalog says nothing else.
    "no provisioned product": (_without("provisionedProductId"), "Internal failure."),
}


@pytest.fixture(scope="module")
def answered(cloud: Cloud, catalog: Catalog) -> dict[str, Any]:
    """The records of launches, all at the same time, whose messages got these defects on their way."""
    queue = operations(cloud, "Provision")
    names = {defect.replace(" ", "-"): defect for defect in DEFECTS}
    inputs = {"EnvironmentSuffix": "defect", "OpsEmails": "ops@example.com"}
    with queue.held():
        launched = {names[name]: catalog.start_provision(name, **inputs) for name in names}
        messages = [json.loads(queue.take()) for _ in names]
    for message in messages:
        change, _ = DEFECTS[names[message["provisionedProductName"]]]
        queue.send(json.dumps(change(message)))
    return {defect: catalog.ended(answer) for defect, answer in launched.items()}


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_message_with_a_defect_is_answered_once_in_words_and_launches_nothing(
    cloud: Cloud, catalog: Catalog, answered: dict[str, Any], defect: str
) -> None:
    record = answered[defect]
    assert record["RecordDetail"]["Status"] == "FAILED"
    assert DEFECTS[defect][1] in reason(record)
    assert catalog.answers(record) == ["FAILED"]
    assert catalog.status(product_of(record)) in ("TAINTED", "ERROR")
    assert stacks_ever(cloud, product_of(record)) == []
    assert dead_letters(cloud).depth() == 0
