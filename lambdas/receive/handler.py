"""Consumer of the three queues that Service Catalog puts operations into."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from engine.entry_point import CLIENT_CONFIG, entry_point, logger

from receive.operations import start

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

# Every record failing is an ordinary answer too; raising would make Lambda count a fault of its own.
processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)


@functools.cache
def sfn() -> SFNClient:
    """Return the engine's own client, made when an event first needs it."""
    return boto3.client("stepfunctions", config=CLIENT_CONFIG)


@entry_point
def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Start executions; what can't be started returns to its queue and ends in the dead-letter queue."""
    return dict(process_partial_response(event, receive, processor, context))


def receive(record: SQSRecord) -> None:
    """Start the execution for one record."""
    try:
        start(sfn(), os.environ["STATE_MACHINE_ARN"], record.event_source_arn, record.body)
    except Exception as error:
        # The type only: a message that can't be read still holds the token.
        logger.error(
            "Message not accepted", extra={"messageId": record.message_id, "reason": type(error).__name__}
        )
        raise
