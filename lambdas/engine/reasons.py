"""Why an operation failed: for a person, and as the name of a metric."""

from __future__ import annotations

import json

from engine import errors
from engine.entry_point import count
from engine.models import Failure, Kind, Report, stack_name
from engine.wording import adding

_FORESEEN = {name for name, thing in vars(errors).items() if isinstance(thing, type)}
# Who or what has ended an operation from outside, whatever its state was.
_ENDED = {
    "States.Timeout": "The operation took longer than the provisioning engine waits. Changes may still be "
    "under way: look at the stack's events in the CloudFormation console. When it has come to rest, "
    "{next_step}.",
    "OperationEnded": "The platform team ended this operation: {reason}. When the stack has come to rest, "
    "{next_step}.",
    "Aborted": "An administrator stopped the operation. Changes may be half done: when the stack has come to "
    "rest, {next_step}.",
}
# What no input avoids: the catalog, its roles or a version is at fault.
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
# What can end an operation besides: Step Functions, Lambda, and the nets.
_OTHERS = {
    "Lambda.TooManyRequestsException",
    "OperationNotStarted",
    "Runtime.ExitError",
    "Sandbox.Timedout",
    "States.DataLimitExceeded",
    "States.QueryEvaluationError",
}


# What says nothing of the stack: a question that AWS did not answer.
_UNANSWERED = {"AWSRefusedError", "LaunchRoleDeniedError", "PermissionMissingError", "ThrottledError"}
# What a launch leaves that failed before CloudFormation began: the provisioned product, and no resource.
_NOT_LAUNCHED = "Nothing was launched: update this provisioned product to try again, or terminate it."


def next_step(kind: Kind) -> str:
    """Return what a user can do with a product once its stack has come to rest."""
    return "terminate it again" if kind == "TERMINATE" else "update or terminate this provisioned product"


def explained(report: Report) -> str:
    """Return why an operation failed, and what can be done with its product now."""
    why = reason(report)
    name, _ = _unwrap(report.error)
    # The stack has come to rest, or the message says what to do when it has.
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
    """Return why an operation failed, for a person: our own sentences as they are, of others no details."""
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
    """Return the name to count a failure by. There are few of them: each is a metric that costs money."""
    name, _ = _unwrap(error)
    return name if name in _FORESEEN | _ENDED.keys() | _OTHERS else "Unforeseen"


def count_failure(report: Report) -> None:
    """Count a failed operation: by kind, by reason, and those that only the platform team can mend."""
    name = error_class(report.error)
    count("OperationFailed", Kind=report.kind)
    count("FailureReason", Reason=name)
    if name in _OF_PLATFORM or name not in _FORESEEN | _ENDED.keys():
        count("PlatformFailure")


def _unwrap(error: Failure | None) -> tuple[str, str]:
    """Return name and message of an error; Step Functions gives a Lambda's as JSON in the cause."""
    if error is None:
        return "Unknown", ""
    try:
        cause = json.loads(error.cause)
        return str(cause.get("errorType") or error.error), str(cause.get("errorMessage", ""))
    except (ValueError, AttributeError):
        return error.error, error.cause
