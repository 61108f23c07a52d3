"""The safety net answers for executions and messages, in both functions: `report` and `sweep`."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import ANY
from engine.safety_net import SafetyNet, StillRunningError, UnanswerableError
from report import handler

MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:engine"
EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:engine"
UNREPORTED = "https://sqs.us-east-1.amazonaws.com/123456789012/unreported"
QUEUE = "arn:aws:sqs:us-east-1:123456789012:ServiceCatalogExternal{}OperationQueue"
PROVISION = "notify_provision_product_engine_workflow_result"
UPDATE = "notify_update_provisioned_product_engine_workflow_result"


class Neighbours:
    """What the safety net calls: Service Catalog, Step Functions and SQS, each with recorded answers."""

    def __init__(self, stubbed: Any) -> None:
        self.servicecatalog, self.catalog = stubbed("servicecatalog")
        self.stepfunctions, self.executions = stubbed("stepfunctions")
        self.sqs, self.queues = stubbed("sqs")
        self.net = SafetyNet(self.servicecatalog, self.stepfunctions, self.sqs, MACHINE, UNREPORTED)

    def execution(self, name: str, status: str, kind: str = "UPDATE", **more: Any) -> str:
        """Answer the question for an execution."""
        given = {"kind": kind, "token": "t-1", "recordId": "rec-1", "provisionedProductId": "pp-1"}
        arn = f"{EXECUTION}:{name}"
        described = {"executionArn": arn, "stateMachineArn": MACHINE, "status": status, "startDate": 0}
        described |= {"input": json.dumps(given | {"message": {}})} | more
        self.executions.add_response("describe_execution", described, {"executionArn": arn})
        return arn

    def no_execution(self, name: str) -> None:
        arn = f"{EXECUTION}:{name}"
        self.executions.add_client_error(
            "describe_execution", "ExecutionDoesNotExist", "no", expected_params={"executionArn": arn}
        )

    def record(self, status: str) -> None:
        """Answer the question for a record."""
        self.catalog.add_response("describe_record", {"RecordDetail": {"Status": status}}, {"Id": ANY})

    def hears(self, operation: str, reason: Any = ANY, record: str = "rec-1", token: str = "t-1") -> None:
        """Expect the answer to an operation that failed."""
        self.record("IN_PROGRESS")
        answer = {"WorkflowToken": token, "RecordId": record, "Status": "FAILED", "FailureReason": reason}
        answer["IdempotencyToken"] = f"{record}-FAILED"
        if operation == PROVISION:
            answer["ResourceIdentifier"] = ANY
        self.catalog.add_response(operation, {}, answer)


@pytest.fixture
def neighbours(stubbed: Any) -> Neighbours:
    return Neighbours(stubbed)


@pytest.mark.parametrize(
    ("status", "more", "says"),
    [
        ("TIMED_OUT", {}, "took longer than the provisioning engine waits"),
        ("ABORTED", {"error": "Whatever", "cause": "typed into the console"}, "An administrator stopped"),
        (
            "ABORTED",
            {"error": "OperationEnded", "cause": "It was stuck."},
            "The platform team ended this operation: It was stuck. When the stack",
        ),
        (
            "FAILED",
            {
                "error": "StackFailedError",
                "cause": '{"errorType": "StackFailedError", "errorMessage": "No room."}',
            },
            "No room.",
        ),
        ("FAILED", {"error": "Lambda.Unknown"}, "The provisioning engine failed (Lambda.Unknown)"),
    ],
)
def test_an_execution_that_ended_unanswered_is_reported_for_what_it_died_of(
    neighbours: Neighbours, status: str, more: dict[str, str], says: str
) -> None:
    told = []
    event = "provide-client-params.servicecatalog.NotifyUpdateProvisionedProductEngineWorkflowResult"
    neighbours.servicecatalog.meta.events.register(event, lambda params, **_: told.append(params))
    arn = neighbours.execution("pp-1-rec-1", status, **more)
    neighbours.hears(UPDATE)
    neighbours.net.answer_execution(arn)
    assert says in told[0]["FailureReason"]


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED"])
def test_what_has_been_answered_is_not_answered_again(neighbours: Neighbours, status: str) -> None:
    arn = neighbours.execution("pp-1-rec-1", "ABORTED")
    neighbours.record(status)
    neighbours.net.answer_execution(arn)


@pytest.mark.parametrize(
    "code", ["ResourceNotFoundException", "AccessDeniedException", "ThrottlingException"]
)
def test_a_record_that_cannot_be_seen_is_answered(neighbours: Neighbours, code: str) -> None:
    arn = neighbours.execution("pp-1-rec-1", "ABORTED")
    neighbours.catalog.add_client_error("describe_record", code, "no")
    neighbours.catalog.add_response(UPDATE, {}, None)
    neighbours.net.answer_execution(arn)


@pytest.mark.parametrize("status", ["RUNNING", "SUCCEEDED"])
def test_an_execution_that_answers_by_itself_is_left_alone(neighbours: Neighbours, status: str) -> None:
    neighbours.net.answer_execution(neighbours.execution("pp-1-rec-1", status))


@pytest.mark.parametrize(
    ("queue", "operation", "notified"),
    [
        ("Provision", "PROVISION_PRODUCT", PROVISION),
        ("Update", "UPDATE_PROVISIONED_PRODUCT", UPDATE),
        ("Terminate", "TERMINATE_PROVISION_PRODUCT", UPDATE.replace("update", "terminate")),
        ("Update", "EXPLODE", UPDATE),
        ("Update", None, UPDATE),
        (None, "UPDATE_PROVISION_PRODUCT", UPDATE),
    ],
)
def test_the_queue_of_a_dead_letter_says_what_kind_of_operation_it_is_and_else_the_letter_does(
    neighbours: Neighbours, queue: str | None, operation: str | None, notified: str
) -> None:
    neighbours.no_execution("pp-1-rec-1")
    neighbours.hears(notified)
    letter = {"token": "t-1", "recordId": "rec-1", "provisionedProductId": "pp-1", "operation": operation}
    neighbours.net.answer_dead_letter(json.dumps(letter), QUEUE.format(queue) if queue else None)


def test_a_dead_letter_whose_execution_runs_is_not_answered_a_second_time(
    neighbours: Neighbours, event: Any
) -> None:
    message = event("provision")
    neighbours.execution(f"{message['provisionedProductId']}-{message['recordId']}", "RUNNING")
    neighbours.net.answer_dead_letter(json.dumps(message), None)


def test_a_dead_letter_whose_execution_died_is_reported_for_what_that_died_of(
    neighbours: Neighbours, event: Any
) -> None:
    message = event("update")
    name = f"{message['provisionedProductId']}-{message['recordId']}"
    neighbours.execution(name, "FAILED", error="StackFailedError", cause="Stack TapStack-pp-1 has no room.")
    neighbours.hears(UPDATE, reason="Stack TapStack-pp-1 has no room.")
    neighbours.net.answer_dead_letter(json.dumps(message), None)


def test_a_dead_letter_without_its_product_is_answered_nevertheless(
    neighbours: Neighbours, event: Any
) -> None:
    message = event("update")
    del message["provisionedProductId"]
    neighbours.hears(UPDATE, record=message["recordId"], token=message["token"])
    neighbours.net.answer_dead_letter(json.dumps(message), None)


@pytest.mark.parametrize(
    "body",
    [
        "not json",
        "[" * 100_000,
        "[]",
        "null",
        "{}",
        '{"token": "t", "recordId": "r", "operation": "EXPLODE"}',
    ],
)
def test_a_dead_letter_that_nobody_can_answer_is_put_where_an_alarm_shows_it(
    neighbours: Neighbours, body: str
) -> None:
    sent = {"QueueUrl": UNREPORTED, "MessageBody": body}
    neighbours.queues.add_response("send_message", {"MessageId": "m"}, sent)
    neighbours.net.answer_dead_letter(body, None)


def test_what_lambda_or_eventbridge_gave_up_leads_to_its_execution(neighbours: Neighbours) -> None:
    for wrap in (lambda event: event, lambda event: {"requestContext": {}, "requestPayload": event}):
        arn = neighbours.execution("pp-1-rec-1", "TIMED_OUT")
        neighbours.hears(UPDATE)
        event = {"source": "aws.states", "detail": {"executionArn": arn}}
        neighbours.net.answer_message(json.dumps(wrap(event)), None)


def test_an_event_that_names_no_execution_is_nobodys(neighbours: Neighbours) -> None:
    with pytest.raises(UnanswerableError):
        neighbours.net.answer_message('{"source": "aws.states", "detail": {}}', None)


@pytest.mark.parametrize("code", ["InvalidParametersException", "ResourceNotFoundException"])
def test_a_net_that_cannot_see_the_record_takes_a_refusal_for_the_word_that_it_comes_too_late(
    neighbours: Neighbours, code: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    arn = neighbours.execution("pp-1-rec-1", "ABORTED")
    neighbours.catalog.add_client_error("describe_record", "ResourceNotFoundException", "no")
    neighbours.catalog.add_client_error(UPDATE, code, "The workflow token is no longer valid.")
    neighbours.net.answer_execution(arn)
    assert "Service Catalog refused a late report" in caplog.text
    assert '"LateReportRefused"' in capsys.readouterr().out


def test_an_answer_that_is_refused_for_an_open_record_is_not_given_up(
    neighbours: Neighbours, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    arn = neighbours.execution("pp-1-rec-1", "ABORTED")
    neighbours.record("IN_PROGRESS")
    neighbours.catalog.add_client_error(UPDATE, "InvalidParametersException", "Not now.")
    with pytest.raises(ClientError):
        neighbours.net.answer_execution(arn)
    assert "Service Catalog refused a late report" in caplog.text
    assert '"LateReportRefused"' in capsys.readouterr().out


def test_an_answer_that_is_refused_while_the_record_cannot_be_looked_up_is_not_given_up(
    neighbours: Neighbours,
) -> None:
    arn = neighbours.execution("pp-1-rec-1", "ABORTED")
    neighbours.catalog.add_client_error("describe_record", "ThrottlingException", "slow down")
    neighbours.catalog.add_client_error(UPDATE, "InvalidParametersException", "Not now.")
    with pytest.raises(ClientError, match="Not now"):
        neighbours.net.answer_execution(arn)


def test_a_net_says_that_it_was_needed_and_for_what(
    neighbours: Neighbours, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    arn = neighbours.execution("pp-1-rec-1", "TIMED_OUT")
    neighbours.hears(UPDATE)
    neighbours.net.answer_execution(arn)
    counted = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["ReportedByNet"] for line in counted if "ReportedByNet" in line] == [[1.0]]
    assert [line["Reason"] for line in counted if "FailureReason" in line] == ["States.Timeout"]
    assert "t-1" not in caplog.text


def test_dead_letters_that_service_catalog_does_not_hear_stay_in_their_queue(
    neighbours: Neighbours,
    event: Any,
    context: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(handler, "safety_net", lambda: neighbours.net)
    message = event("provision")
    for _ in range(2):
        neighbours.no_execution(f"{message['provisionedProductId']}-{message['recordId']}")
    neighbours.record("IN_PROGRESS")
    neighbours.catalog.add_client_error(PROVISION, "InternalFailure", "oops", 500)
    neighbours.record("IN_PROGRESS")
    neighbours.catalog.add_response(PROVISION, {}, None)
    letters = [
        {
            "messageId": f"message-{number}",
            "body": json.dumps(message),
            "attributes": {"DeadLetterQueueSourceArn": QUEUE.format("Provision")},
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:dead-letters",
        }
        for number in range(2)
    ]
    result = handler.handle({"Records": letters}, context)
    assert result == {"batchItemFailures": [{"itemIdentifier": "message-0"}]}
    assert caplog.messages.count("Message not accepted") == 1
    assert message["token"] not in str([vars(record) for record in caplog.records])


def test_the_event_of_an_execution_that_died_leads_to_its_report(
    neighbours: Neighbours, event: Any, context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handler, "safety_net", lambda: neighbours.net)
    died = event("execution_timed_out")
    neighbours.execution(died["detail"]["name"], "TIMED_OUT")
    neighbours.hears(UPDATE)
    assert handler.handle(died, context) == {}


def test_an_event_that_is_ahead_of_what_step_functions_says_comes_again(
    neighbours: Neighbours, event: Any, context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handler, "safety_net", lambda: neighbours.net)
    died = event("execution_timed_out")
    neighbours.execution(died["detail"]["name"], "RUNNING")
    with pytest.raises(StillRunningError):
        handler.handle(died, context)


@pytest.mark.parametrize("given", ['{"Comment": "Insert your JSON here"}', "[]", "null"])
def test_an_execution_that_somebody_started_by_hand_is_nobodys_operation(
    neighbours: Neighbours, given: str, caplog: pytest.LogCaptureFixture
) -> None:
    neighbours.net.answer_execution(neighbours.execution("by-hand", "FAILED", input=given))
    assert caplog.messages == ["No operation's execution"]


def test_what_is_said_of_one_message_is_not_logged_under_the_record_of_the_one_before(
    neighbours: Neighbours,
    context: Any,
    monkeypatch: pytest.MonkeyPatch,
    logged: Callable[[], list[dict[str, Any]]],
) -> None:
    monkeypatch.setattr(handler, "safety_net", lambda: neighbours.net)
    neighbours.no_execution("pp-1-rec-1")
    neighbours.hears(UPDATE)
    neighbours.queues.add_response("send_message", {"MessageId": "m"})
    good = {"token": "t-1", "recordId": "rec-1", "provisionedProductId": "pp-1", "operation": "UPDATE_X"}
    bodies = (json.dumps(good), "not json")
    letters = [{"messageId": body, "body": body, "attributes": {}} for body in bodies]
    assert handler.handle({"Records": letters}, context) == {"batchItemFailures": []}
    assert [(line["message"], line.get("correlation_id")) for line in logged()][:2] == [
        ("Reported by the safety net", "rec-1"),
        ("A dead letter cannot be answered", None),
    ]
