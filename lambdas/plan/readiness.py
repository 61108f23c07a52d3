"""Whether CloudFormation can update the stack in its status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from engine import stacks
from engine.errors import (
    RollbackFailedError,
    RollbackInProgressError,
    StackBusyError,
    StackUnusableError,
)
from engine.models import PlanRequest
from engine.wording import named, quoting

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackTypeDef

_UPDATABLE = {
    "CREATE_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE",
    "IMPORT_COMPLETE",
    "IMPORT_ROLLBACK_COMPLETE",
}
_NEVER_COMPLETE = "It was never launched completely. Terminate this provisioned product and launch a new one."
_ADVICE = {
    "CREATE_FAILED": _NEVER_COMPLETE,
    "ROLLBACK_COMPLETE": _NEVER_COMPLETE,
    "ROLLBACK_FAILED": _NEVER_COMPLETE,
    "DELETE_FAILED": "Its deletion failed, and parts of it are gone. Terminate this provisioned product "
    "again.",
    # CloudFormation User Guide, "Choose how to handle failures when provisioning resources".
    "UPDATE_FAILED": "Somebody updated it in CloudFormation and turned the rollback off. Ask the platform "
    "team to roll it back there (Stack actions, Roll back), then update again. Do not terminate this "
    "provisioned product: that would delete the database.",
}
_OTHER_ADVICE = (
    "Ask the platform team to look at it in the CloudFormation console. Do not terminate this provisioned "
    "product: that would delete the database."
)


def change_set_type(
    cloudformation: CloudFormationClient, request: PlanRequest, stack: StackTypeDef | None
) -> Literal["CREATE", "UPDATE"]:
    """Return the type of change set that a launch or update of the stack needs.

    If the rollback of an earlier update failed, this continues it first, once for each record.

    Raises:
        RollbackInProgressError: CloudFormation is rolling an earlier update back.
        RollbackFailedError: that rollback failed again.
        StackDeletedError: somebody deleted the stack.
        StackBusyError: another operation is changing the stack.
        StackUnusableError: CloudFormation can't update the stack in its status.
    """
    if stack is None:
        if request.kind == "UPDATE":
            # `validate` has checked this, too, but somebody may have deleted the stack since.
            stacks.refuse_to_replace_deleted(cloudformation, request.stack_name)
        return "CREATE"
    name, status = stack["StackName"], stack["StackStatus"]
    if status == "REVIEW_IN_PROGRESS":
        return "CREATE"
    if status in _UPDATABLE:
        return "UPDATE"
    if status == "UPDATE_ROLLBACK_FAILED":
        _continue_rollback(cloudformation, stack, request.record_id)
    # Waiting loses nothing, whoever rolls the stack back.
    if status.startswith("UPDATE_ROLLBACK_"):
        raise RollbackInProgressError(
            f"Stack {name} was still undoing an earlier update when the engine stopped waiting. Nothing else "
            "was changed. Update again when it has come to rest."
        )
    if status.endswith("_IN_PROGRESS"):
        raise StackBusyError(busy(stack))
    raise StackUnusableError(
        f"Stack {name} is {status} and can't be updated. Nothing was changed. "
        f"{_ADVICE.get(status, _OTHER_ADVICE)}"
    )


def busy(stack: StackTypeDef) -> str:
    """Return the reason for the case that another operation is changing the stack."""
    return (
        f"Stack {stack['StackName']} is {stack['StackStatus']}: another operation is changing it. "
        "Try again when it has finished."
    )


def _continue_rollback(cloudformation: CloudFormationClient, stack: StackTypeDef, record_id: str) -> None:
    token = f"{stacks.operation_name(record_id)}-rollback"
    continued = stacks.events(cloudformation, stack["StackId"], token)
    if not continued:
        cloudformation.continue_update_rollback(StackName=stack["StackId"], ClientRequestToken=token)
        return
    failed = stacks.failures(continued)
    ours = (
        f"CloudFormation must first undo an earlier update of stack {stack['StackName']}, and that failed "
        f"again at {named(each.resource for each in failed)}. Do not terminate this provisioned product: "
        "that would delete the database. Remove the cause and update again. If that is not possible, ask the "
        f"platform team to continue the rollback without {named(each.logical_id for each in failed)} "
        "(CloudFormation console: Stack actions, Continue update rollback, Resources to skip)."
    )
    raise RollbackFailedError(quoting(ours, *stacks.said_of(failed)))
