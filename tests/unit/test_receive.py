import json
from collections.abc import Callable
from typing import Any

import pytest
from engine.operation import execution_name
from receive import handler

QUEUES = {
    "provision": "ServiceCatalogExternalProvisionOperationQueue",
    "update": "ServiceCatalogExternalUpdateOperationQueue",
    "terminate": "ServiceCatalogExternalTerminateOperationQueue",
}


@pytest.fixture
def state_machine(aws: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    definition = {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}
    sfn = aws("stepfunctions")
    machine = sfn.create_state_machine(
        name="engine", definition=json.dumps(definition), roleArn="arn:aws:iam::123456789012:role/engine"
    )["stateMachineArn"]
    monkeypatch.setenv("STATE_MACHINE_ARN", machine)
    return machine


def batch(*bodies: Any, queue: Any = "provision") -> Any:
    return {
        "Records": [
            {
                "messageId": f"message-{number}",
                "receiptHandle": "handle",
                "body": body if isinstance(body, str) else json.dumps(body),
                "attributes": {},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": f"arn:aws:sqs:us-east-1:123456789012:{QUEUES.get(queue, queue)}",
                "awsRegion": "us-east-1",
            }
            for number, body in enumerate(bodies)
        ]
    }


def executions(state_machine: str) -> Any:
    sfn = handler.sfn()
    found = sfn.list_executions(stateMachineArn=state_machine)["executions"]
    return [sfn.describe_execution(executionArn=execution["executionArn"]) for execution in found]


@pytest.mark.parametrize("kind", ["provision", "update", "terminate"])
def test_the_queue_decides_the_kind_and_the_token_stays_apart_from_the_message(
    state_machine: str, event: Any, context: Any, kind: str
) -> None:
    message = event(kind)
    assert handler.handle(batch(message, queue=kind), context) == {"batchItemFailures": []}

    (execution,) = executions(state_machine)
    assert execution["name"] == f"{message['provisionedProductId']}-{message['recordId']}"
    token = message.pop("token")
    assert json.loads(execution["input"]) == {
        "kind": kind.upper(),
        "token": token,
        "recordId": message["recordId"],
        "provisionedProductId": message["provisionedProductId"],
        "message": message,
    }


def test_a_message_delivered_twice_starts_one_execution(state_machine: str, event: Any, context: Any) -> None:
    for _ in range(2):
        assert handler.handle(batch(event("provision")), context) == {"batchItemFailures": []}
    assert len(executions(state_machine)) == 1


def test_a_message_with_an_unknown_operation_is_started_so_that_its_failure_is_reported(
    state_machine: str, event: Any, context: Any
) -> None:
    handler.handle(batch({**event("provision"), "operation": "EXPLODE"}), context)
    assert len(executions(state_machine)) == 1


@pytest.mark.parametrize(
    "body",
    ["not json", "[]", "{}", '{"token": "", "recordId": "rec-1", "provisionedProductId": "pp-1"}'],
)
def test_a_message_nobody_could_answer_goes_back_without_holding_up_the_others(
    state_machine: str, event: Any, context: Any, body: str
) -> None:
    result = handler.handle(batch(body, event("provision")), context)
    assert result == {"batchItemFailures": [{"itemIdentifier": "message-0"}]}
    assert len(executions(state_machine)) == 1


@pytest.mark.usefixtures("state_machine")
def test_a_batch_in_which_nothing_can_be_started_goes_back_whole(context: Any) -> None:
    result = handler.handle(batch("one", "two"), context)
    assert [failure["itemIdentifier"] for failure in result["batchItemFailures"]] == [
        "message-0",
        "message-1",
    ]


@pytest.mark.usefixtures("state_machine")
def test_a_message_from_a_foreign_queue_goes_back(event: Any, context: Any) -> None:
    result = handler.handle(batch(event("provision"), queue="SomeOtherQueue"), context)
    assert result == {"batchItemFailures": [{"itemIdentifier": "message-0"}]}


@pytest.mark.usefixtures("state_machine")
def test_a_refused_message_leaves_no_token_in_the_log(
    event: Any, context: Any, caplog: pytest.LogCaptureFixture
) -> None:
    message = event("provision")
    del message["recordId"]
    handler.handle(batch(message), context)
    assert caplog.messages == ["Message not accepted", "Step done"]
    assert message["token"] not in str([vars(record) for record in caplog.records])


@pytest.mark.usefixtures("state_machine")
def test_each_message_leaves_a_line_with_its_record(
    event: Any, context: Any, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    handler.handle(batch(event("provision"), event("update")), context)
    assert [(line["correlation_id"], line["message"]) for line in logged() if "kind" in line] == [
        (event("provision")["recordId"], "Operation started"),
        (event("update")["recordId"], "Operation started"),
    ]


def test_an_execution_name_fits_step_functions_whatever_the_ids_are() -> None:
    assert execution_name("pp-1", "rec-1") == "pp-1-rec-1"
    for illegal in ("pp-" + "x" * 100, "pp 1/"):
        name = execution_name(illegal, "rec:1")
        assert len(name) <= 80
        assert name.isalnum()
    assert execution_name("pp 1", "rec-1") != execution_name("pp:1", "rec-1")
