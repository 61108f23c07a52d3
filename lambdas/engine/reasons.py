"""Why an operation failed: for a person, and as the name of a metric."""

from __future__ import annotations

import json

from engine import errors
from engine.models import Failure, Report, stack_name

_FORESEEN = {name for name, thing in vars(errors).items() if isinstance(thing, type)}
# What can end an operation besides: Step Functions, Lambda, and the nets.
_OTHERS = {
    "Aborted",
    "Lambda.TooManyRequestsException",
    "OperationEnded",
    "OperationNotStarted",
    "Runtime.ExitError",
    "Sandbox.Timedout",
    "States.DataLimitExceeded",
    "States.QueryEvaluationError",
    "States.Timeout",
}


def explained(report: Report) -> str:
    """Return why an operation failed, and what to do about a stack that may have been changed."""
    why = reason(report.error, report.record_id)
    if not report.began or not report.provisioned_product_id or "this provisioned product" in why:
        return why
    stack = stack_name(report.provisioned_product_id)
    if stack in why:
        return why
    todo = (
        "terminate it again" if report.kind == "TERMINATE" else "update or terminate this provisioned product"
    )
    return f"{why} Changes of stack {stack} may have begun: see its events, and when it is at rest, {todo}."


def reason(error: Failure | None, record_id: str) -> str:
    """Return why an operation failed, for a person: our own sentences as they are, of others no details."""
    name, message = _unwrap(error)
    if name in _FORESEEN:
        return message
    if name == "States.Timeout":
        return (
            "The operation took longer than the provisioning engine waits. Changes may still be under way: "
            "look at the stack's events in the CloudFormation console, then update or terminate this "
            "provisioned product."
        )
    if name == "OperationEnded":
        return (
            f"The platform team ended this operation: {message.rstrip('.')}. When the stack has come to "
            "rest, update or terminate this provisioned product."
        )
    if name == "Aborted":
        return (
            "An administrator stopped the operation. Changes may be half done: update or terminate this "
            "provisioned product."
        )
    return (
        f"The provisioning engine failed ({name}). This is not your fault. Ask the platform team to look up "
        f"record {record_id} in the engine's logs, then try again."
    )


def error_class(error: Failure | None) -> str:
    """Return the name to count a failure by. There are few of them: each is a metric that costs money."""
    name, _ = _unwrap(error)
    return name if name in _FORESEEN | _OTHERS else "Unforeseen"


def _unwrap(error: Failure | None) -> tuple[str, str]:
    """Return name and message of an error; Step Functions gives a Lambda's as JSON in the cause."""
    if error is None:
        return "Unknown", ""
    try:
        cause = json.loads(error.cause)
        return str(cause.get("errorType") or error.error), str(cause.get("errorMessage", ""))
    except (ValueError, AttributeError):
        return error.error, error.cause
