"""Executions that ended without an answer, messages that nobody answered, the age of the oldest operation."""

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

# Four sweeps see an execution. What does not get through in the last two of them is kept in a queue.
SINCE = timedelta(hours=1)
KEPT_AFTER = timedelta(minutes=30)

Step = Callable[[], None]


def sweep(net: SafetyNet, dead_letters_queue_url: str) -> None:
    """Answer everything that is left, and measure the age of the oldest operation under way.

    Raises:
        Exception: the first of what went wrong, after all else was tried. The next sweep tries it again.
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
    """Take every step. Returns what went wrong, be it that there are no further steps to be had."""
    wrong: list[Exception] = []
    while True:
        try:
            logger.set_correlation_id(None)  # that of the step before
            step = next(steps, None)
            if step is None:
                return wrong
            step()
        except Exception as error:
            # The type only: what boto3 says may quote a parameter.
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
    """Take messages until there are none. Each is invisible to others for the queue's visibility timeout."""
    # With a wait, SQS asks all of its servers ("Amazon SQS short and long polling").
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
        return  # it waits for a person
    net.sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
