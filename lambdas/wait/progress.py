"""CloudFormation's many statuses, collapsed to: under way, done, failed because."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from engine import stacks
from engine.errors import StackFailedError, StackInProgressError
from engine.models import Output, StackRequest

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackEventTypeDef, StackTypeDef

# What a resource reports when it only stopped because another one had failed.
_CANCELLED = re.compile(r"^Resource (creation|update|deletion) cancelled", re.IGNORECASE)


def outputs_when_done(cloudformation: CloudFormationClient, request: StackRequest) -> list[Output]:
    """Return the stack's outputs once the operation has succeeded. A terminated stack has none.

    Raises:
        StackInProgressError: the operation is under way, or has not begun yet.
        StackFailedError: it failed, and the stack has come to rest.
    """
    if request.stack_id is None:
        return []
    stack = stacks.find(cloudformation, request.stack_id)
    if stack is None:  # CloudFormation forgets a deleted stack after 90 days
        return []
    status = stack["StackStatus"]
    if status.endswith("_IN_PROGRESS"):
        raise StackInProgressError(_in_progress(stack))
    events = stacks.events(cloudformation, request.stack_id, stacks.operation_name(request.record_id))
    if not events and _is_yet_to_begin(cloudformation, request, stack):
        raise StackInProgressError(_in_progress(stack))
    if request.kind == "TERMINATE":
        succeeded = status == "DELETE_COMPLETE"
    else:
        # An operation without events of its own had nothing to change.
        succeeded = status in ("CREATE_COMPLETE", "UPDATE_COMPLETE") or not events
    if not succeeded:
        raise StackFailedError(_failure(stack, events))
    if request.kind == "TERMINATE":
        return []
    return [
        Output(
            key=output["OutputKey"], value=output["OutputValue"], description=output.get("Description", "")
        )
        for output in stack.get("Outputs", [])
    ]


def _is_yet_to_begin(
    cloudformation: CloudFormationClient, request: StackRequest, stack: StackTypeDef
) -> bool:
    """Tell the moment between the call and its first event from an operation that had nothing to do."""
    if request.kind == "TERMINATE":
        return stack["StackStatus"] != "DELETE_COMPLETE"
    name = stacks.operation_name(request.record_id)
    return stacks.find_change_set(cloudformation, stack["StackId"], name) is not None


def _failure(stack: StackTypeDef, events: list[StackEventTypeDef]) -> str:
    name, status = stack["StackName"], stack["StackStatus"]
    cause = _first_cause(events)
    if cause:
        reason = cause.get("ResourceStatusReason", "CloudFormation gives no reason")
        what = f"{cause['LogicalResourceId']} ({cause['ResourceType']}): {reason}"
    else:
        what = stack.get("StackStatusReason", "CloudFormation gives no reason")
    return f"{what.rstrip('.')}. {_advice(name, status)}"


def _first_cause(events: list[StackEventTypeDef]) -> StackEventTypeDef | None:
    failed = [
        event
        for event in events
        if event.get("ResourceStatus", "").endswith("_FAILED")
        and not _CANCELLED.match(event.get("ResourceStatusReason", ""))
    ]
    # The stack's own failure event only counts the resources that failed.
    of_resources = [event for event in failed if event.get("PhysicalResourceId") != event["StackId"]]
    return next(iter(of_resources or failed), None)


def _advice(name: str, status: str) -> str:
    if status == "DELETE_COMPLETE":
        return (
            "The launch was undone and left nothing behind. Correct the cause, then update this provisioned "
            "product to try again, or terminate it."
        )
    if status == "UPDATE_ROLLBACK_COMPLETE":
        return "The update was undone; everything is as it was before. Correct the cause, then update again."
    if status == "UPDATE_ROLLBACK_FAILED":
        return (
            "Undoing the update failed as well. Ask the platform team to continue the rollback of stack "
            f"{name} in the CloudFormation console."
        )
    if status == "DELETE_FAILED":
        return f"Stack {name} could not be deleted. Remove what blocks the deletion, then terminate again."
    return f"Stack {name} is {status}. Correct the cause, then terminate this provisioned product."


def _in_progress(stack: StackTypeDef) -> str:
    return (
        f"Stack {stack['StackName']} was still {stack['StackStatus']} when the engine stopped waiting. See "
        "its events in the CloudFormation console; when it has come to rest, update or terminate this "
        "provisioned product."
    )
