"""Executions that ended without an answer, messages that nobody answered, the age of the oldest operation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from engine.entry_point import logger, measure
from engine.nets import LOST, Nets, UnanswerableError

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef
    from mypy_boto3_stepfunctions.literals import ExecutionStatusType
    from mypy_boto3_stepfunctions.type_defs import ExecutionListItemTypeDef

# Four sweeps see an execution. A report that does not get through in that time lies in a queue by then.
SINCE = timedelta(hours=1)

Answer = Callable[[], None]


def sweep(nets: Nets, dead_letters_queue_url: str) -> None:
    """Answer everything that is left, and measure the age of the oldest operation under way.

    Raises:
        Exception: the first of what went wrong, after all else was tried. The next sweep tries it again.
    """
    now = datetime.now(UTC)
    oldest = min((execution["startDate"] for execution in _executions(nets, "RUNNING")), default=now)
    measure("OldestOperationAge", (now - oldest).total_seconds(), unit="Seconds")
    wrong = []
    for answer in _left(nets, now, dead_letters_queue_url):
        try:
            answer()
        except Exception as error:
            # The type only: what boto3 says may quote a parameter.
            logger.error("Not answered", extra={"reason": type(error).__name__})
            wrong.append(error)
    if wrong:
        raise wrong[0]


def _left(nets: Nets, now: datetime, dead_letters_queue_url: str) -> Iterator[Answer]:
    for status in LOST:
        for execution in _executions(nets, status):
            if execution["stopDate"] > now - SINCE:
                yield partial(nets.answer_execution, execution["executionArn"])
    for message in _messages(nets, dead_letters_queue_url):
        yield partial(_answer_and_delete, nets, dead_letters_queue_url, message, nets.answer_dead_letter)
    for message in _messages(nets, nets.unreported_queue_url):
        yield partial(_answer_and_delete, nets, nets.unreported_queue_url, message, nets.answer_message)


def _executions(nets: Nets, status: ExecutionStatusType) -> Iterator[ExecutionListItemTypeDef]:
    pages = nets.sfn.get_paginator("list_executions").paginate(
        stateMachineArn=nets.state_machine_arn, statusFilter=status, PaginationConfig={"PageSize": 1000}
    )
    return (execution for page in pages for execution in page["executions"])


def _messages(nets: Nets, queue_url: str) -> Iterator[MessageTypeDef]:
    """Take messages until there are none. Each is invisible to others for the queue's visibility timeout."""
    # With a wait, SQS asks all of its servers ("Amazon SQS short and long polling").
    while messages := nets.sqs.receive_message(
        QueueUrl=queue_url,
        MaxNumberOfMessages=10,
        WaitTimeSeconds=1,
        MessageSystemAttributeNames=["DeadLetterQueueSourceArn"],
    ).get("Messages"):
        yield from messages


def _answer_and_delete(
    nets: Nets, queue_url: str, message: MessageTypeDef, answer: Callable[[str, str | None], None]
) -> None:
    source = message.get("Attributes", {}).get("DeadLetterQueueSourceArn")
    try:
        answer(message["Body"], source)
    except UnanswerableError:
        return  # it waits for a person
    nets.sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
