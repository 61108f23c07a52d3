"""The states that report, the rule on ended executions, and the consumer of dead letters."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Any

import boto3
import msgspec
from aws_lambda_powertools.utilities.typing import LambdaContext
from engine.batch import each_message
from engine.entry_point import CLIENT_CONFIG, count, entry_point
from engine.models import Report
from engine.reasons import count_failure
from engine.safety_net import SafetyNet

from report.outcome import send

if TYPE_CHECKING:
    from mypy_boto3_servicecatalog import ServiceCatalogClient


@functools.cache
def servicecatalog() -> ServiceCatalogClient:
    """Return the engine's own client, made when an event first needs it."""
    return boto3.client("servicecatalog", config=CLIENT_CONFIG)


@functools.cache
def safety_net() -> SafetyNet:
    """Return the safety net, made when an event first needs it."""
    return SafetyNet.of_engine(os.environ["STATE_MACHINE_ARN"], os.environ["UNREPORTED_QUEUE_URL"])


@entry_point
def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Report an operation: from its execution, for an ended execution, or for dead letters."""
    if "Records" in event:
        return each_message(event, safety_net().answer_delivered)
    if event.get("source") == "aws.states":
        # The event has neither the input nor the error of its execution, because a customer managed key
        # encrypts those.
        safety_net().answer_event(event)
    else:
        report = msgspec.convert(event, Report)
        send(servicecatalog(), report)
        if report.status == "FAILED":
            count_failure(report)
        else:
            count("OperationSucceeded", Kind=report.kind)
    return {}
