"""Ended executions and messages that nobody has answered, and the age of the oldest operation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from engine.entry_point import count, logger, measure
from engine.safety_net import LOST, SafetyNet, UnanswerableError

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef
    from mypy_boto3_stepfunctions.literals import ExecutionStatusType
    from mypy_boto3_stepfunctions.type_defs import ExecutionListItemTypeDef

# Four sweeps see an execution. The last two put it into the unreported queue if they can't answer it.
SINCE = timedelta(hours=1)
KEPT_AFTER = timedelta(minutes=30)

Step = Callable[[], None]


def sweep(net: SafetyNet, dead_letters_queue_url: str) -> None:
    """Answer everything that nobody has answered, and measure the age of the oldest operation under way.

    Raises:
        Exception: the first error, after all other steps were tried. The next sweep tries again.
    """
    now = datetime.now(UTC)
    letters, unreported = dead_letters_queue_url, net.unreported_queue_url
    wrong = [
        *_tried(iter([partial(_measure_oldest, net, now)])),
        *_tried(_of_executions(net, now)),
        *_tried(_of_messages(net, letters, net.answer_dead_letter)),
        *_tried(_of_messages(net, unreported, net.answer_message)),
    ]
    if wrong:
        raise wrong[0]
    count("Swept")


def _tried(steps: Iterator[Step]) -> list[Exception]:
    """Take every step, and return the errors, also one that keeps the next steps from being found."""
    wrong: list[Exception] = []
    while True:
        try:
            logger.set_correlation_id(None)  # forgets that of the step before
            step = next(steps, None)
            if step is None:
                return wrong
            step()
        except Exception as error:
            # Only the type is logged: boto3's words may quote a parameter.
            logger.error("Not answered", extra={"reason": type(error).__name__})
            wrong.append(error)


def _measure_oldest(net: SafetyNet, now: datetime) -> None:
    oldest = min((execution["startDate"] for execution in _executions(net, "RUNNING")), default=now)
    measure("OldestOperationAge", (now - oldest).total_seconds(), unit="Seconds")


def _of_executions(net: SafetyNet, now: datetime) -> Iterator[Step]:
    for status in LOST:
        for execution in _executions(net, status):
            age = now - execution["stopDate"]
            if age < SINCE:
                yield partial(_answer_execution, net, execution["executionArn"], keep=age > KEPT_AFTER)


def _answer_execution(net: SafetyNet, execution_arn: str, *, keep: bool) -> None:
    try:
        net.answer_execution(execution_arn)
    except Exception:
        if keep:
            net.keep_execution(execution_arn)
        raise


def _of_messages(net: SafetyNet, queue_url: str, answer: Callable[[str, str | None], None]) -> Iterator[Step]:
    for message in _messages(net, queue_url):
        yield partial(_answer_and_delete, net, queue_url, message, answer)


def _executions(net: SafetyNet, status: ExecutionStatusType) -> Iterator[ExecutionListItemTypeDef]:
    pages = net.sfn.get_paginator("list_executions").paginate(
        stateMachineArn=net.state_machine_arn, statusFilter=status, PaginationConfig={"PageSize": 1000}
    )
    return (execution for page in pages for execution in page["executions"])


def _messages(net: SafetyNet, queue_url: str) -> Iterator[MessageTypeDef]:
    """Receive messages until there are none. SQS hides each for the queue's visibility timeout."""
    # SQS asks all of its servers only if there is a wait ("Amazon SQS short and long polling").
    while messages := net.sqs.receive_message(
        QueueUrl=queue_url,
        MaxNumberOfMessages=10,
        WaitTimeSeconds=1,
        MessageSystemAttributeNames=["DeadLetterQueueSourceArn"],
    ).get("Messages"):
        yield from messages


def _answer_and_delete(
    net: SafetyNet, queue_url: str, message: MessageTypeDef, answer: Callable[[str, str | None], None]
) -> None:
    source = message.get("Attributes", {}).get("DeadLetterQueueSourceArn")
    try:
        answer(message["Body"], source)
    except UnanswerableError:
        return  # the message waits for a person
    net.sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
