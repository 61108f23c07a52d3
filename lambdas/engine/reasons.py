"""The reason of a failed operation: as text for a person, and as a dimension of a metric."""

from __future__ import annotations

import json

from engine import errors
from engine.entry_point import count
from engine.models import Failure, Kind, Report, stack_name
from engine.wording import adding

_FORESEEN = {name for name, thing in vars(errors).items() if isinstance(thing, type)}
# An operation that ended from outside, in any of its states.
_ENDED = {
    "States.Timeout": "The operation took longer than the provisioning engine waits. Changes may still be "
    "under way: look at the stack's events in the CloudFormation console. When it has come to rest, "
    "{next_step}.",
    "OperationEnded": "The platform team ended this operation: {reason}. When the stack has come to rest, "
    "{next_step}.",
    "Aborted": "An administrator stopped the operation. Changes may be half done: when the stack has come to "
    "rest, {next_step}.",
}
# No input avoids these: the catalog, its roles or a version is at fault.
_OF_PLATFORM = {
    "ArtifactDeniedError",
    "ArtifactInvalidError",
    "ArtifactMissingError",
    "ArtifactNotReleasedError",
    "LaunchRoleDeniedError",
    "LaunchRoleForeignError",
    "MessageInvalidError",
    "OutputMissingError",
    "PermissionMissingError",
    "PromiseBrokenError",
    "RolesOutdatedError",
    "TemplateUnsuitableError",
}
# Errors of Step Functions, Lambda and the safety net.
_OTHERS = {
    "Lambda.TooManyRequestsException",
    "OperationNotStarted",
    "Runtime.ExitError",
    "Sandbox.Timedout",
    "States.DataLimitExceeded",
    "States.QueryEvaluationError",
}


# A question that AWS did not answer: the error says nothing about the stack.
_UNANSWERED = {"AWSRefusedError", "LaunchRoleDeniedError", "PermissionMissingError", "ThrottledError"}
# A launch that failed before CloudFormation began leaves the provisioned product and no resource.
_NOT_LAUNCHED = "Nothing was launched: update this provisioned product to try again, or terminate it."


def next_step(kind: Kind) -> str:
    """Return what a user can do with a provisioned product once its stack has come to rest."""
    return "terminate it again" if kind == "TERMINATE" else "update or terminate this provisioned product"


def explained(report: Report) -> str:
    """Return why an operation failed, and what the user can do with the provisioned product now."""
    why = reason(report)
    name, _ = _unwrap(report.error)
    # The message says already what to do next.
    if name in {"StackFailedError", *_ENDED}:
        return why
    if not report.began:
        if report.kind == "TERMINATE" and name in _UNANSWERED:
            return adding(why, " Nothing was deleted.")
        after = "\n" if "\n" in why else " "
        return adding(why, f"{after}{_NOT_LAUNCHED}") if report.kind == "PROVISION" else why
    if not report.provisioned_product_id:
        return why
    stack = stack_name(report.provisioned_product_id)
    if stack in why:
        return why
    return adding(
        why,
        f" Changes of stack {stack} may have begun: see its events, and when it is at rest, "
        f"{next_step(report.kind)}.",
    )


def reason(report: Report) -> str:
    """Return why an operation failed, for a person: our own sentences, but no details of other errors."""
    name, message = _unwrap(report.error)
    if name in _FORESEEN:
        return message
    if name in _ENDED:
        return _ENDED[name].format(reason=message.rstrip("."), next_step=next_step(report.kind))
    return (
        f"The provisioning engine failed ({name}). This is not your fault. Ask the platform team to look up "
        f"record {report.record_id} in the engine's logs, then try again."
    )


def error_class(error: Failure | None) -> str:
    """Return the name to count a failure by. There are few names: each is a metric and costs money."""
    name, _ = _unwrap(error)
    return name if name in _FORESEEN | _ENDED.keys() | _OTHERS else "Unforeseen"


def count_failure(report: Report) -> None:
    """Count a failed operation by its kind and reason, and again if only the platform team can mend it."""
    name = error_class(report.error)
    count("OperationFailed", Kind=report.kind)
    count("FailureReason", Reason=name)
    if name in _OF_PLATFORM or name not in _FORESEEN | _ENDED.keys():
        count("PlatformFailure")


def _unwrap(error: Failure | None) -> tuple[str, str]:
    """Return an error's name and message. Step Functions gives those of a function as JSON in the cause."""
    if error is None:
        return "Unknown", ""
    try:
        cause = json.loads(error.cause)
        return str(cause.get("errorType") or error.error), str(cause.get("errorMessage", ""))
    except (ValueError, AttributeError):
        return error.error, error.cause
