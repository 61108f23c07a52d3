import json
import time
from typing import Any

import pytest

from tests.support.account import LOGS, Account, allow, eventually, refusal

CONSUME = allow("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
# Fails the messages whose body starts with "bad", each for itself.
PARTIAL = """
def handle(event, context):
    for record in event["Records"]:
        print(record["body"], record["attributes"]["ApproximateReceiveCount"])
    bad = [record["messageId"] for record in event["Records"] if record["body"].startswith("bad")]
    return {"batchItemFailures": [{"itemIdentifier": each} for each in bad]}
"""


class Consumer:
    """A queue with a dead-letter queue, polled for a function."""

    def __init__(self, account: Account, name: str, code: str, receives: int = 2, **mapping: Any) -> None:
        self.account = account
        self.sqs = account.client("sqs")
        self.dead_letters, dead_arn = account.queue(f"{name}-dead")
        redrive = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": receives})
        self.url, self.arn = account.queue(name, VisibilityTimeout="60", RedrivePolicy=redrive)
        account.function(name, code, LOGS, CONSUME)
        mapping = {"FunctionResponseTypes": ["ReportBatchItemFailures"]} | mapping
        self.mapping = account.client("lambda").create_event_source_mapping(
            FunctionName=name, EventSourceArn=self.arn, **mapping
        )["UUID"]

    def send(self, *bodies: str) -> None:
        entries = [{"Id": str(index), "MessageBody": body} for index, body in enumerate(bodies)]
        self.sqs.send_message_batch(QueueUrl=self.url, Entries=entries)

    def left(self) -> int:
        """How many messages are in the queue, visible or not or not yet."""
        names = [f"ApproximateNumberOfMessages{which}" for which in ("", "NotVisible", "Delayed")]
        counted = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]
        return sum(map(int, counted.values()))


def test_only_the_messages_that_failed_come_back_and_end_among_the_dead_letters(account: Account) -> None:
    consumer = Consumer(account, "partial", PARTIAL)
    consumer.send("good 1", "bad 1", "good 2")
    assert eventually(lambda: account.bodies(consumer.dead_letters)) == ["bad 1"]
    said = [line for line in account.log("partial") if line.startswith(("good", "bad"))]
    assert sorted(said) == ["bad 1 1", "bad 1 2", "good 1 1", "good 2 1"]
    assert consumer.left() == 0


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("raises", "1 / 0"),
        ("unknown-id", '{"batchItemFailures": [{"itemIdentifier": "another"}]}'),
        ("empty-id", '{"batchItemFailures": [{"itemIdentifier": ""}]}'),
        ("wrong-key", '{"batchItemFailures": [{"id": event["Records"][0]["messageId"]}]}'),
        ("no-object", '"done"'),
    ],
)
def test_a_batch_without_a_valid_answer_fails_as_a_whole(account: Account, name: str, answer: str) -> None:
    consumer = Consumer(account, name, f"def handle(event, context): return {answer}", receives=1)
    consumer.send("one", "two")
    dead: list[str] = []

    def both() -> bool:
        dead.extend(account.bodies(consumer.dead_letters))
        return len(dead) == 2

    eventually(both)
    assert sorted(dead) == ["one", "two"]


@pytest.mark.parametrize("answer", ["None", "{}", '{"batchItemFailures": []}', '{"batchItemFailures": None}'])
def test_these_answers_mean_that_everything_was_processed(account: Account, answer: str) -> None:
    name = f"fine-{abs(hash(answer))}"
    consumer = Consumer(account, name, f"def handle(event, context): return {answer}")
    consumer.send("one")
    eventually(lambda: consumer.left() == 0)
    assert account.bodies(consumer.dead_letters) == []


def test_a_dead_letter_says_which_queue_it_comes_from(account: Account) -> None:
    consumer = Consumer(account, "source", PARTIAL, receives=1)
    consumer.send("bad")
    asked = {
        "QueueUrl": consumer.dead_letters,
        "MessageSystemAttributeNames": ["All"],
        "VisibilityTimeout": 0,
    }
    [letter] = eventually(lambda: consumer.sqs.receive_message(**asked).get("Messages"))
    assert letter["Attributes"]["DeadLetterQueueSourceArn"] == consumer.arn

    account.function("undertaker", "def handle(event, context): print('SEEN', event)", LOGS, CONSUME)
    dead_arn = consumer.arn.replace("source", "source-dead")
    account.client("lambda").create_event_source_mapping(FunctionName="undertaker", EventSourceArn=dead_arn)
    [seen] = eventually(lambda: [line for line in account.log("undertaker") if line.startswith("SEEN")])
    assert f"'DeadLetterQueueSourceArn': '{consumer.arn}'" in seen


def test_a_message_arrives_with_its_attributes(account: Account) -> None:
    consumer = Consumer(
        account, "shape", "import json\ndef handle(event, context): print('SEEN', json.dumps(event))"
    )
    attributes = {"kind": {"DataType": "String", "StringValue": "order"}}
    sent = consumer.sqs.send_message(QueueUrl=consumer.url, MessageBody="hello", MessageAttributes=attributes)
    [seen] = eventually(lambda: [line for line in account.log("shape") if line.startswith("SEEN")])
    [record] = json.loads(seen.removeprefix("SEEN "))["Records"]
    assert (
        record.items()
        >= {
            "messageId": sent["MessageId"],
            "body": "hello",
            "md5OfBody": sent["MD5OfMessageBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": consumer.arn,
            "awsRegion": "us-east-1",
        }.items()
    )
    assert record["messageAttributes"]["kind"]["stringValue"] == "order"
    assert abs(int(record["attributes"]["SentTimestamp"]) / 1000 - time.time()) < 60


def test_a_deleted_or_disabled_mapping_leaves_messages_in_the_queue(account: Account) -> None:
    consumer = Consumer(account, "paused", PARTIAL)
    functions = account.client("lambda")
    functions.update_event_source_mapping(UUID=consumer.mapping, Enabled=False)
    consumer.send("waits")
    assert account.client("sqs").receive_message(QueueUrl=consumer.url, VisibilityTimeout=0)["Messages"]
    functions.update_event_source_mapping(UUID=consumer.mapping, Enabled=True)
    eventually(lambda: consumer.left() == 0)
    functions.delete_event_source_mapping(UUID=consumer.mapping)
    consumer.send("stays")
    assert consumer.left() == 1
    assert functions.list_event_source_mappings(FunctionName="paused")["EventSourceMappings"] == []


def test_no_more_batches_run_at_a_time_than_configured(account: Account, tmp_path: Any) -> None:
    code = f"""
import os, pathlib, time
def handle(event, context):
    mine = pathlib.Path({str(tmp_path)!r}, event["Records"][0]["messageId"])
    mine.touch()
    print("TOGETHER", len(list(mine.parent.iterdir())))
    time.sleep(0.1)
    mine.unlink()
"""
    consumer = Consumer(account, "limited", code, BatchSize=1, ScalingConfig={"MaximumConcurrency": 2})
    consumer.send(*"abcdef")
    eventually(lambda: consumer.left() == 0)
    together = {line for line in account.log("limited") if line.startswith("TOGETHER")}
    assert together <= {"TOGETHER 1", "TOGETHER 2"}


@pytest.mark.parametrize(
    ("queue", "settings", "statements", "said"),
    [
        (
            {"VisibilityTimeout": "9"},
            {},
            [CONSUME],
            "Queue visibility timeout: 9 seconds is less than Function",
        ),
        ({}, {}, [LOGS], "does not have permissions to call ReceiveMessage on SQS"),
        ({}, {"BatchSize": 11}, [CONSUME], "Maximum batch window in seconds must be greater than 0"),
        ({}, {"FilterCriteria": {"Filters": [{"Pattern": "{}"}]}}, [CONSUME], "with FilterCriteria"),
    ],
)
def test_a_mapping_that_cannot_work_is_refused(
    account: Account,
    request: pytest.FixtureRequest,
    queue: dict[str, str],
    settings: dict[str, Any],
    statements: list[dict[str, Any]],
    said: str,
) -> None:
    name = f"refused-{request.node.callspec.indices['said']}"
    _, arn = account.queue(name, **queue)
    account.function(name, PARTIAL, *statements)
    create = account.client("lambda").create_event_source_mapping
    answer = refusal(create, FunctionName=name, EventSourceArn=arn, **settings)
    assert answer.startswith("InvalidParameterValueException: ")
    assert said in answer


def test_a_second_mapping_of_the_same_queue_to_the_same_function_is_refused(account: Account) -> None:
    consumer = Consumer(account, "twice", PARTIAL)
    create = account.client("lambda").create_event_source_mapping
    said = refusal(create, FunctionName="twice", EventSourceArn=consumer.arn)
    assert said.startswith("ResourceConflictException: ")
    assert consumer.mapping in said


def test_a_delayed_message_is_delivered_after_its_delay_in_the_clouds_time(account: Account) -> None:
    consumer = Consumer(account, "delayed", PARTIAL)
    started = time.monotonic()
    consumer.sqs.send_message(QueueUrl=consumer.url, MessageBody="later", DelaySeconds=900)
    eventually(lambda: consumer.left() == 0)
    assert 0.9 <= time.monotonic() - started < 10
