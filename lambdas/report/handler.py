"""States "Report success" and "Report failure", and the consumer of both safety nets."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools.utilities.typing import LambdaContext
from engine.entry_point import CLIENT_CONFIG, count, entry_point, logger
from engine.models import Report

from report.nets import of_execution, of_message
from report.outcome import send

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
    from mypy_boto3_servicecatalog import ServiceCatalogClient


@functools.cache
def servicecatalog() -> ServiceCatalogClient:
    """Return the engine's own client, made when an event first needs it."""
    return boto3.client("servicecatalog", config=CLIENT_CONFIG)


@entry_point
def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Report an operation for its execution, for one that died, or for a message that never started one."""
    if "Records" in event:
        return report_messages(event, context)
    if event.get("source") == "aws.states":
        report_late(of_execution(boto3.client("stepfunctions", config=CLIENT_CONFIG), event))
    else:
        report = Report.model_validate(event)
        send(servicecatalog(), report)
        count(f"Operation{report.status.capitalize()}", Kind=report.kind)
    return {}


def report_messages(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Report the operations of dead letters; what can't be reported stays in its queue."""
    # Here, because dead letters are rare, and this doubles what the function loads.
    from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response

    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    return dict(process_partial_response(event, report_message, processor, context))


def report_message(record: SQSRecord) -> None:
    """Report the failure of an operation whose message could not be turned into an execution."""
    report_late(of_message(record.body))


def report_late(report: Report) -> None:
    """Report a failure that the state machine may have reported before us."""
    logger.append_keys(recordId=report.record_id)
    try:
        send(servicecatalog(), report)
    except (
        servicecatalog().exceptions.InvalidParametersException,
        servicecatalog().exceptions.ResourceNotFoundException,
    ) as error:
        # Service Catalog does not say whether it refuses because the operation has been answered. That is by
        # far the likeliest; the metric is there for the other case.
        logger.warning("Service Catalog refused a late report", extra={"reason": type(error).__name__})
        count("LateReportRefused", Kind=report.kind)
    else:
        count("OperationFailed", Kind=report.kind)
