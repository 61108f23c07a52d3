"""The states that report, the rule on executions that ended unanswered, and the consumer of dead letters."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools.utilities.typing import LambdaContext
from engine.entry_point import CLIENT_CONFIG, count, entry_point
from engine.models import Report
from engine.nets import Nets
from engine.reasons import error_class

from report.outcome import send

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
    from mypy_boto3_servicecatalog import ServiceCatalogClient


@functools.cache
def servicecatalog() -> ServiceCatalogClient:
    """Return the engine's own client, made when an event first needs it."""
    return boto3.client("servicecatalog", config=CLIENT_CONFIG)


@functools.cache
def nets() -> Nets:
    """Return what answers for executions and messages, made when an event first needs it."""
    return Nets(
        servicecatalog(),
        boto3.client("stepfunctions", config=CLIENT_CONFIG),
        boto3.client("sqs", config=CLIENT_CONFIG),
        os.environ["STATE_MACHINE_ARN"],
        os.environ["UNREPORTED_QUEUE_URL"],
    )


@entry_point
def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Report an operation for its execution, for one that died, or for a message that never started one."""
    if "Records" in event:
        return report_dead_letters(event, context)
    if event.get("source") == "aws.states":
        # Under a customer key, the event has neither the input nor the error of its execution.
        nets().answer_execution(event["detail"]["executionArn"])
    else:
        report = Report.model_validate(event)
        send(servicecatalog(), report)
        count(f"Operation{report.status.capitalize()}", Kind=report.kind)
        if report.status == "FAILED":
            count("FailureReason", Reason=error_class(report.error))
    return {}


def report_dead_letters(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Report the operations of dead letters; what Service Catalog can't be told now stays in the queue."""
    # Here, because dead letters are rare, and this doubles what the function loads.
    from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response

    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    return dict(process_partial_response(event, report_dead_letter, processor, context))


def report_dead_letter(record: SQSRecord) -> None:
    """Report the operation that one message is about."""
    nets().answer_dead_letter(record.body, record.attributes.dead_letter_queue_source_arn)
