"""The two safety nets: messages nobody could start, and executions that ended without a report."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from engine.models import Failure, Kind, Model, NonEmpty, Report
from pydantic import Field

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


class Operation(Model):
    """What is needed of an execution's input, or of a message, to answer it."""

    kind: Kind
    token: NonEmpty = Field(repr=False)
    record_id: NonEmpty
    # Service Catalog takes the answer to a provision without it, too, if it then does not show the reason.
    provisioned_product_id: str | None = None

    def failed(self, failure: Failure) -> Report:
        """Return the report that the operation failed."""
        return Report(**self.model_dump(), status="FAILED", error=failure)


def of_execution(sfn: SFNClient, event: dict[str, Any]) -> Report:
    """Return the report for a "Step Functions Execution Status Change" event.

    The event carries neither input nor error of a machine with a customer key, so Step Functions is asked.
    """
    execution = sfn.describe_execution(executionArn=event["detail"]["executionArn"])
    names = {"TIMED_OUT": "States.Timeout", "ABORTED": "Aborted"}
    name = names.get(execution["status"], execution.get("error", "Unknown"))
    failure = Failure(error=name, cause=execution.get("cause", ""))
    return Operation.model_validate_json(execution["input"]).failed(failure)


def of_message(body: str) -> Report:
    """Return the report for a message from the dead-letter queue.

    Raises:
        ValueError: the body does not say which operation of which record it is, so there is nobody to answer.
    """
    message = json.loads(body)
    kinds: dict[str, Kind] = {"PROVISION": "PROVISION", "UPDATE": "UPDATE", "TERMINATE": "TERMINATE"}
    if not isinstance(message, dict):
        raise ValueError("The body is not a JSON object.")
    kind = kinds.get(str(message.get("operation", "")).split("_")[0])
    return Operation.model_validate({**message, "kind": kind}).failed(Failure(error="OperationNotStarted"))
