"""The outcome of a stack operation: under way, succeeded, or failed and why."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from engine import stacks
from engine.errors import StackFailedError, StackInProgressError
from engine.models import Change, Finished, Output, WaitRequest
from engine.wording import named, quoting

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackEventTypeDef, StackTypeDef


# The statuses of the stack's own event with which CloudFormation begins to undo a stack operation.
_UNDOING = {"DELETE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS"}


def when_finished(
    cloudformation: CloudFormationClient, request: WaitRequest, confirm: Callable[[], object]
) -> Finished:
    """Return the outputs and changes of a stack operation that has succeeded; for TERMINATE there are none.

    This sets the stack policy of a new stack. Before that it calls `confirm`, which raises if the engine may
    not change anything. It does not call `confirm` each time, because only this change needs it.

    Raises:
        StackInProgressError: the stack operation is under way, or has not begun yet.
        StackFailedError: the stack operation failed, and the stack has come to rest.
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
        # A stack operation without events had nothing to change.
        succeeded = status in ("CREATE_COMPLETE", "UPDATE_COMPLETE") or not events
    if not succeeded:
        raise StackFailedError(_failure(request, stack, events))
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
    """Return the changes that a successful stack operation has made, according to its events.

    They may be fewer than planned: CloudFormation plans a change of each resource that refers to a changed
    one, and does nothing if the value turns out the same.
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
    """Return the old resources that CloudFormation could not delete, and why. The update succeeded."""
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
    """Return whether the first event is still to come; if not, the stack operation had nothing to change."""
    if request.kind == "TERMINATE":
        return stack["StackStatus"] != "DELETE_COMPLETE"
    name = stacks.operation_name(request.record_id)
    return stacks.find_change_set(cloudformation, stack["StackId"], name) is not None


def _failure(request: WaitRequest, stack: StackTypeDef, events: list[StackEventTypeDef]) -> str:
    """Return what failed, what is left, what to do, and then AWS's words about every cause."""
    undoing = len(events) if request.kind == "TERMINATE" else _beginning_of_undoing(events)
    first, then = stacks.failures(events[:undoing]), stacks.failures(events[undoing:])
    at, undone_at = (_places(failed) for failed in (first, then))
    said = stacks.said_of(first) or [stack.get("StackStatusReason", "CloudFormation gives no reason")]
    ours = _outcome(request, stack, at, undone_at, first)
    return quoting(ours, *said, *(f"when undoing {each.resource}: {each.reason}" for each in then))


def _beginning_of_undoing(events: list[StackEventTypeDef]) -> int:
    return next(
        (
            number
            for number, event in enumerate(events)
            if event.get("PhysicalResourceId") == event["StackId"] and event.get("ResourceStatus") in _UNDOING
        ),
        len(events),
    )


def _places(failed: list[stacks.Failed]) -> str:
    return f" at {named(each.resource for each in failed)}" if failed else ""


def _outcome(
    request: WaitRequest, stack: StackTypeDef, at: str, undone_at: str, failed: list[stacks.Failed]
) -> str:
    name, status = stack["StackName"], stack["StackStatus"]
    if request.kind == "TERMINATE":
        kept = any("(AWS::RDS::DBInstance)" in each.resource for each in failed)
        data = "The database is still there, with its automated backups. " if kept else ""
        return (
            f"Stack {name} could not be deleted as a whole: it failed{at}. {data}Everything that does not "
            "depend on these resources is gone. Remove what blocks the deletion, then terminate this "
            "provisioned product again."
        )
    match status:
        case "DELETE_COMPLETE":
            return (
                f"The launch failed{at}, was undone and left nothing behind. Correct the cause, then update "
                "this provisioned product to try again, or terminate it."
            )
        case "UPDATE_ROLLBACK_COMPLETE":
            return (
                f"The update failed{at} and was undone; everything is as it was before. Correct the cause, "
                "then update again."
            )
        case "UPDATE_ROLLBACK_FAILED":
            return (
                f"The update failed{at}, and undoing it failed as well{undone_at}. Do not terminate this "
                "provisioned product: that would delete the database. Remove the second cause, then update "
                "again: that first continues to undo this update."
            )
        case "DELETE_FAILED" | "ROLLBACK_FAILED":
            return (
                f"The launch failed{at}, and undoing it failed as well{undone_at}: parts of stack {name} are "
                "left. Remove the second cause, then terminate this provisioned product."
            )
        case "CREATE_FAILED" | "ROLLBACK_COMPLETE":
            return (
                f"The launch failed{at}, and stack {name} is {status}. Correct the cause, then terminate "
                "this provisioned product."
            )
    return (
        f"The update failed{at}, and stack {name} is {status}. Do not terminate this provisioned product: "
        "that would delete the database. Give this text to the platform team."
    )
