"""CloudFormation's many statuses, collapsed to: under way, done, failed because."""

from __future__ import annotations

from collections.abc import Callable
from itertools import dropwhile
from typing import TYPE_CHECKING

from engine import stacks
from engine.errors import StackFailedError, StackInProgressError
from engine.models import Change, Finished, Output, WaitRequest

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackEventTypeDef, StackTypeDef


def when_finished(
    cloudformation: CloudFormationClient, request: WaitRequest, confirm: Callable[[], object]
) -> Finished:
    """Return what the operation has brought once it has succeeded. Of a terminated stack nothing is left.

    A stack that was created is protected from now on. Before that, `confirm` raises if the engine should
    not change anything: to ask at every look would be a call in vain for each.

    Raises:
        StackInProgressError: the operation is under way, or has not begun yet.
        StackFailedError: it failed, and the stack has come to rest.
    """
    if request.stack_id is None:
        return Finished()
    stack = stacks.find(cloudformation, request.stack_id)
    if stack is None:  # CloudFormation forgets a deleted stack after 90 days
        return Finished()
    status = stack["StackStatus"]
    if status.endswith("_IN_PROGRESS"):
        raise StackInProgressError(stacks.in_progress(stack, request.kind))
    events = stacks.events(cloudformation, request.stack_id, stacks.operation_name(request.record_id))
    if not events and _is_yet_to_begin(cloudformation, request, stack):
        raise StackInProgressError(stacks.in_progress(stack, request.kind))
    if request.kind == "TERMINATE":
        succeeded = status == "DELETE_COMPLETE"
    else:
        # An operation without events of its own had nothing to change.
        succeeded = status in ("CREATE_COMPLETE", "UPDATE_COMPLETE") or not events
    if not succeeded:
        raise StackFailedError(_failure(stack, events))
    if request.kind == "TERMINATE":
        return Finished()
    if status == "CREATE_COMPLETE":
        confirm()
        stacks.protect(cloudformation, request.stack_id)
    outputs = [
        Output(
            key=output["OutputKey"], value=output["OutputValue"], description=output.get("Description", "")
        )
        for output in stack.get("Outputs", [])
    ]
    return Finished(outputs=outputs, changes=_changes(events, request.changes))


def _changes(events: list[StackEventTypeDef], planned: list[Change]) -> list[Change]:
    """Return what has happened to the resources, according to the events of an operation that succeeded.

    Not all that was planned happens: CloudFormation plans a change of whatever refers to a changed resource,
    and leaves it alone when it finds the same value in the end.
    """
    properties = {change.logical_id: change.properties for change in planned}
    of_resource: dict[str, list[StackEventTypeDef]] = {}
    for event in events:
        if event.get("PhysicalResourceId") != event["StackId"]:
            of_resource.setdefault(event["LogicalResourceId"], []).append(event)
    changes = []
    for logical_id, history in sorted(of_resource.items()):
        statuses = {event["ResourceStatus"] for event in history}
        physical_ids = {event["PhysicalResourceId"] for event in history if event.get("PhysicalResourceId")}
        if "CREATE_COMPLETE" in statuses:
            action = "Add"
        elif "UPDATE_COMPLETE" in statuses:
            action = "Modify"
        else:
            action = "Remove"
        left = _left_behind(history)
        if action != "Remove" or not left:
            changes.append(
                Change(
                    logical_id=logical_id,
                    type=history[-1]["ResourceType"],
                    action=action,
                    replacement=str(action == "Modify" and len(physical_ids) > 1),
                    properties=properties.get(logical_id, []),
                )
            )
        changes += [
            Change(logical_id=logical_id, type=history[-1]["ResourceType"], action="Leave", properties=[why])
            for why in left
        ]
    return changes


def _left_behind(history: list[StackEventTypeDef]) -> list[str]:
    """Return what could not be deleted of a resource, and why: that does not make an update fail."""
    deleted = {
        event["PhysicalResourceId"] for event in history if event["ResourceStatus"] == "DELETE_COMPLETE"
    }
    failed = {
        event["PhysicalResourceId"]: event.get("ResourceStatusReason", "CloudFormation gives no reason")
        for event in history
        if event["ResourceStatus"] == "DELETE_FAILED"
    }
    return [f"{physical_id}: {why}" for physical_id, why in failed.items() if physical_id not in deleted]


def _is_yet_to_begin(cloudformation: CloudFormationClient, request: WaitRequest, stack: StackTypeDef) -> bool:
    """Tell the moment between the call and its first event from an operation that had nothing to do."""
    if request.kind == "TERMINATE":
        return stack["StackStatus"] != "DELETE_COMPLETE"
    name = stacks.operation_name(request.record_id)
    return stacks.find_change_set(cloudformation, stack["StackId"], name) is not None


def _failure(stack: StackTypeDef, events: list[StackEventTypeDef]) -> str:
    name, status = stack["StackName"], stack["StackStatus"]
    what = _first_cause(events) or stack.get("StackStatusReason", "CloudFormation gives no reason")
    if status == "UPDATE_ROLLBACK_FAILED":
        of_rollback = dropwhile(
            lambda one: one.get("ResourceStatus") != "UPDATE_ROLLBACK_IN_PROGRESS", events
        )
        why = _first_cause(list(of_rollback)) or "CloudFormation gives no reason"
        return (
            f"{what.rstrip('. ')}. Undoing the update failed as well: {why}. Remove that cause and update "
            "again, which goes on undoing this one first. Do not terminate this provisioned product: that "
            "would delete the database."
        )
    return f"{what.rstrip('. ')}. {_advice(name, status)}"


def _first_cause(events: list[StackEventTypeDef]) -> str | None:
    return next(iter(stacks.failures(events).values()), None)


def _advice(name: str, status: str) -> str:
    if status == "DELETE_COMPLETE":
        return (
            "The launch was undone and left nothing behind. Correct the cause, then update this provisioned "
            "product to try again, or terminate it."
        )
    if status == "UPDATE_ROLLBACK_COMPLETE":
        return "The update was undone; everything is as it was before. Correct the cause, then update again."
    if status == "DELETE_FAILED":
        return f"Stack {name} could not be deleted. Remove what blocks the deletion, then terminate again."
    return f"Stack {name} is {status}. Correct the cause, then terminate this provisioned product."
