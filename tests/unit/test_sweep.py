"""The sweep, the last part of the safety net."""

import json
from datetime import timedelta
from typing import Any

import pytest
from botocore.stub import ANY, Stubber
from engine.errors import ThrottledError
from engine.safety_net import SafetyNet
from sweep import handler
from sweep.leftovers import sweep

ROLE = "arn:aws:iam::123456789012:role/engine"
UPDATE = "notify_update_provisioned_product_engine_workflow_result"


class Engine:
    """A state machine and queues in an empty account; Service Catalog's answers are recorded."""

    def __init__(self, aws: Any, stubbed: Any) -> None:
        self.sfn, self.sqs = aws("stepfunctions"), aws("sqs")
        take_what_is_there(self.sqs)
        definition = {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}
        machine = self.sfn.create_state_machine(
            name="engine", definition=json.dumps(definition), roleArn=ROLE
        )
        self.machine = machine["stateMachineArn"]
        self.dead_letters = self.sqs.create_queue(QueueName="dead-letters")["QueueUrl"]
        self.unreported = self.sqs.create_queue(QueueName="unreported")["QueueUrl"]
        servicecatalog, self.catalog = stubbed("servicecatalog")
        self.net = SafetyNet(servicecatalog, self.sfn, self.sqs, self.machine, self.unreported)

    def execution(self, name: str, *, stopped: bool = True) -> str:
        given = {"kind": "UPDATE", "token": "t-1", "recordId": name, "provisionedProductId": "pp-1"}
        arn = self.sfn.start_execution(stateMachineArn=self.machine, name=name, input=json.dumps(given))
        if stopped:
            self.sfn.stop_execution(executionArn=arn["executionArn"])
        return str(arn["executionArn"])

    def hears(self, record: Any) -> None:
        self.is_open()
        self.catalog.add_response(UPDATE, {}, {"RecordId": record} | dict.fromkeys(REST, ANY))

    def is_open(self) -> None:
        self.catalog.add_response("describe_record", {"RecordDetail": {"Status": "IN_PROGRESS"}}, {"Id": ANY})

    def left_in(self, queue: str) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
        return sum(map(int, found.values()))


def take_what_is_there(sqs: Any) -> None:
    """Receive without waiting: this one server has all messages."""
    sqs.meta.events.register(
        "before-parameter-build.sqs.ReceiveMessage", lambda params, **_: params.update(WaitTimeSeconds=0)
    )


REST = ("WorkflowToken", "Status", "IdempotencyToken", "FailureReason")


@pytest.fixture
def engine(aws: Any, stubbed: Any) -> Engine:
    return Engine(aws, stubbed)


def letter(record: str) -> str:
    return json.dumps({"token": "t-1", "recordId": record, "operation": "UPDATE_PROVISIONED_PRODUCT"})


def test_executions_that_ended_unanswered_in_the_last_hour_are_answered(engine: Engine) -> None:
    # GIVEN executions that were stopped, just now and two hours ago, and one that answers by itself
    engine.execution("rec-now")
    engine.execution("rec-before")
    engine.execution("rec-running", stopped=False)
    backend_execution(engine, "rec-before").stop_date -= timedelta(hours=2)
    # WHEN it is swept THEN Service Catalog hears of the first
    engine.hears("rec-now")
    sweep(engine.net, engine.dead_letters)


@pytest.mark.parametrize(("minutes", "kept"), [(10, 0), (40, 1)])
def test_an_execution_that_is_not_answered_before_it_is_too_old_to_be_seen_is_kept_in_a_queue(
    engine: Engine, minutes: int, kept: int
) -> None:
    # GIVEN an execution whose answer does not get through
    engine.execution("rec-1")
    backend_execution(engine, "rec-1").stop_date -= timedelta(minutes=minutes)
    engine.is_open()
    engine.catalog.add_client_error(UPDATE, "InternalFailure", "oops", 500)
    if kept:  # the sweep reads this queue last, so it tries what it has just put there
        engine.is_open()
        engine.catalog.add_client_error(UPDATE, "InternalFailure", "oops", 500)
    with pytest.raises(Exception, match="oops"):
        sweep(engine.net, engine.dead_letters)
    assert engine.left_in(engine.unreported) == kept
    # WHEN Service Catalog listens again THEN it hears of the execution, however old that is by then
    backend_execution(engine, "rec-1").stop_date -= timedelta(hours=3 * kept)
    make_visible(engine.unreported)
    engine.hears("rec-1")
    sweep(engine.net, engine.dead_letters)
    assert engine.left_in(engine.unreported) == 0


def make_visible(queue: str) -> None:
    """Let the visibility timeout of received messages pass."""
    from moto.sqs.models import sqs_backends

    for message in sqs_backends["123456789012"]["us-east-1"].queues[queue.rsplit("/", 1)[-1]]._messages:
        message.change_visibility(0)


def test_dead_letters_that_lambda_hands_over_are_answered(
    engine: Engine, context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handler, "safety_net", lambda: engine.net)
    letters: list[dict[str, Any]] = [
        {"messageId": record, "body": letter(record), "attributes": {}} for record in ("rec-1", "rec-2")
    ]
    engine.is_open()
    engine.catalog.add_client_error(UPDATE, "InternalFailure", "oops", 500)
    engine.hears("rec-2")
    failed = handler.handle({"Records": letters}, context)
    assert failed == {"batchItemFailures": [{"itemIdentifier": "rec-1"}]}


def backend_execution(engine: Engine, name: str) -> Any:
    from moto.stepfunctions.models import stepfunctions_backends

    machine = stepfunctions_backends["123456789012"]["us-east-1"].describe_state_machine(engine.machine)
    return next(each for each in machine.executions if each.name == name)


@pytest.mark.parametrize("queue", ["dead_letters", "unreported"])
def test_messages_that_lie_in_a_last_queue_are_answered_and_deleted(engine: Engine, queue: str) -> None:
    url = getattr(engine, queue)
    for number in range(11):
        engine.sqs.send_message(QueueUrl=url, MessageBody=letter(f"rec-{number}"))
        engine.hears(ANY)
    sweep(engine.net, engine.dead_letters)
    assert engine.left_in(url) == 0


def test_what_nobody_can_answer_ends_among_the_unreported_and_stays_there(engine: Engine) -> None:
    engine.sqs.send_message(QueueUrl=engine.dead_letters, MessageBody="not json")
    sweep(engine.net, engine.dead_letters)
    sweep(engine.net, engine.dead_letters)
    assert (engine.left_in(engine.dead_letters), engine.left_in(engine.unreported)) == (0, 1)


def test_one_answer_that_does_not_get_through_does_not_hold_up_the_others_and_is_tried_again(
    engine: Engine,
) -> None:
    for record in ("rec-1", "rec-2"):
        engine.sqs.send_message(QueueUrl=engine.dead_letters, MessageBody=letter(record))
    engine.is_open()
    engine.catalog.add_client_error(UPDATE, "InternalFailure", "oops", 500)
    engine.hears("rec-2")
    with pytest.raises(Exception, match="oops"):
        sweep(engine.net, engine.dead_letters)
    assert engine.left_in(engine.dead_letters) == 1


@pytest.mark.parametrize(("running", "least", "most"), [(True, 3600, 3660), (False, 0, 1)])
def test_the_age_of_the_oldest_operation_is_measured_even_when_there_is_none(
    engine: Engine, capsys: pytest.CaptureFixture[str], running: bool, least: float, most: float
) -> None:
    if running:
        engine.execution("rec-new", stopped=False)
        engine.execution("rec-old", stopped=False)
        backend_execution(engine, "rec-old").start_date -= timedelta(hours=1)
    sweep(engine.net, engine.dead_letters)
    measured = json.loads(capsys.readouterr().out.splitlines()[0])
    [age] = measured["OldestOperationAge"]
    assert least <= age <= most
    [directive] = measured["_aws"]["CloudWatchMetrics"]
    assert directive["Metrics"] == [{"Name": "OldestOperationAge", "Unit": "Seconds"}]


def test_a_sweep_that_came_to_its_end_says_so(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    sweep(engine.net, engine.dead_letters)
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["Swept"] == [1.0]


def test_what_cannot_be_read_keeps_nothing_else_from_being_answered_and_is_no_end_of_the_sweep(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    engine.sqs.send_message(QueueUrl=engine.unreported, MessageBody=letter("rec-1"))
    engine.sqs.delete_queue(QueueUrl=engine.dead_letters)
    engine.hears("rec-1")
    with pytest.raises(engine.sqs.exceptions.QueueDoesNotExist):
        sweep(engine.net, engine.dead_letters)
    assert engine.left_in(engine.unreported) == 0
    assert "Swept" not in capsys.readouterr().out


def test_the_handler_finds_the_engine_by_its_variables(
    engine: Engine, context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATE_MACHINE_ARN", engine.machine)
    monkeypatch.setenv("DEAD_LETTERS_QUEUE_URL", engine.dead_letters)
    monkeypatch.setenv("UNREPORTED_QUEUE_URL", engine.unreported)
    engine.sqs.send_message(QueueUrl=engine.dead_letters, MessageBody=letter("rec-1"))
    net = handler.safety_net.__wrapped__()
    take_what_is_there(net.sqs)
    monkeypatch.setattr(handler, "safety_net", lambda: net)
    with Stubber(net.servicecatalog) as catalog:
        catalog.add_client_error("describe_record", "ThrottlingException", "slow down")
        catalog.add_client_error(UPDATE, "ThrottlingException", "slow down")
        with pytest.raises(ThrottledError):
            handler.handle({"source": "aws.events"}, context)
