"""The change set of an operation: creating it, and deciding whether the engine may execute it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal

from engine import stacks
from engine.artifact import template_url
from engine.errors import (
    ChangeSetFailedError,
    ChangeSetInProgressError,
    DatabaseNotModifiableError,
    DataLossError,
    UnaskedChangesError,
)
from engine.models import TRACER_TAG, Change, Planned, PlanRequest
from engine.stacks import HOLD_DATA
from engine.wording import quoting

from plan.database import require_modifiable
from plan.details import changed_in_place, properties
from plan.losses import refuse_losses
from plan.readiness import change_set_type

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import (
        DescribeChangeSetOutputTypeDef,
        ResourceChangeTypeDef,
    )
    from mypy_boto3_rds import RDSClient


def plan(
    cloudformation: CloudFormationClient,
    rds: Callable[[], RDSClient],
    request: PlanRequest,
    execution_role_name: str,
) -> Planned:
    """Return a change set that is ready to execute, and its changes.

    The state calls this again until the change set is ready. The record id is the change set's name, so
    repeated calls create one. `rds` is called only if the database is to be modified, because making a client
    takes long.

    Raises:
        ChangeSetInProgressError: CloudFormation is still creating the change set.
        EngineError: CloudFormation can't update the stack now; see `change_set_type`.
        ChangeSetFailedError: CloudFormation can't create the change set.
        DataLossError: the changes would replace or remove a resource that holds data.
        DatabaseNotModifiableError: RDS would not modify the DB instance now.
        UnaskedChangesError: the update would also change the DB instance in other ways.
    """
    stack = stacks.find(cloudformation, request.stack_name)
    mode = change_set_type(cloudformation, request, stack)
    name = stacks.operation_name(request.record_id)
    change_set = stacks.find_change_set(cloudformation, request.stack_name, name) if stack else None
    if change_set is None:
        # CloudFormation may not show a change set that was created a moment ago.
        with suppress(cloudformation.exceptions.AlreadyExistsException):
            _create(cloudformation, request, mode, execution_role_name)
    if change_set is None or change_set["Status"] in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
        raise ChangeSetInProgressError(_in_progress(request.stack_name))
    if change_set["Status"] != "CREATE_COMPLETE":
        return _without_changes(cloudformation, change_set, mode)
    changes = [change["ResourceChange"] for change in change_set["Changes"] if "ResourceChange" in change]
    try:
        refuse_losses(changes)
        databases = require_modifiable(rds, changes)
    except (DataLossError, DatabaseNotModifiableError, UnaskedChangesError):
        _discard(cloudformation, change_set, mode)
        raise
    return _planned(change_set, changes, databases)


def _create(
    cloudformation: CloudFormationClient,
    request: PlanRequest,
    mode: Literal["CREATE", "UPDATE"],
    execution_role_name: str,
) -> None:
    message = request.read_message()
    tags = {tag.key: tag.value or "" for tag in message.tags} | {TRACER_TAG: request.provisioned_product_id}
    # The execution role is in the account of the launch role: arn:PARTITION:iam::ACCOUNT:role/NAME.
    execution_role = f"{message.launch_role_arn.split(':role/')[0]}:role/{execution_role_name}"
    # CloudFormation deletes the stack of a failed launch, so the next operation begins with nothing.
    on_failure: dict[str, Any] = {"OnStackFailure": "DELETE"} if mode == "CREATE" else {}
    cloudformation.create_change_set(
        StackName=request.stack_name,
        ChangeSetName=stacks.operation_name(request.record_id),
        ChangeSetType=mode,
        Description=f"Service Catalog record {request.record_id}",
        TemplateURL=template_url(message.require_artifact(), cloudformation.meta.region_name),
        Parameters=[
            {"ParameterKey": key, "ParameterValue": value} for key, value in request.parameters.items()
        ],
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        Capabilities=["CAPABILITY_NAMED_IAM"],
        RoleARN=execution_role,
        **on_failure,
    )


def _without_changes(
    cloudformation: CloudFormationClient,
    change_set: DescribeChangeSetOutputTypeDef,
    mode: Literal["CREATE", "UPDATE"],
) -> Planned:
    reason = change_set.get("StatusReason", "CloudFormation gives no reason")
    _discard(cloudformation, change_set, mode)
    # CloudFormation has no code for a change set without changes, only these two texts.
    if "didn't contain changes" in reason or "No updates are to be performed" in reason:
        return Planned(stack_id=change_set["StackId"])
    ours = (
        f"CloudFormation can't create the change set of stack {change_set['StackName']}. Nothing was "
        "changed. Correct what CloudFormation names, then try again."
    )
    raise ChangeSetFailedError(quoting(ours, reason))


def _discard(
    cloudformation: CloudFormationClient,
    change_set: DescribeChangeSetOutputTypeDef,
    mode: Literal["CREATE", "UPDATE"],
) -> None:
    # A change set of type CREATE has made an empty stack.
    stacks.discard(
        cloudformation, change_set["StackId"], change_set["ChangeSetName"], with_stack=mode == "CREATE"
    )


def _planned(
    change_set: DescribeChangeSetOutputTypeDef,
    resource_changes: list[ResourceChangeTypeDef],
    databases: dict[str, dict[str, str]],
) -> Planned:
    # No resource that holds data is replaced either: `refuse_losses` has made sure.
    in_place = changed_in_place(resource_changes) | {
        change["LogicalResourceId"]
        for change in resource_changes
        if change["ResourceType"] in HOLD_DATA and change["Action"] == "Modify"
    }
    changes = [
        Change(
            logical_id=change["LogicalResourceId"],
            type=change["ResourceType"],
            action=change["Action"],
            replacement=change.get("Replacement", "False"),
            properties=properties(change, in_place),
            settings=databases.get(change["LogicalResourceId"], {}),
        )
        for change in resource_changes
    ]
    return Planned(stack_id=change_set["StackId"], change_set_arn=change_set["ChangeSetId"], changes=changes)


def _in_progress(stack_name: str) -> str:
    return (
        f"CloudFormation was still creating the change set of stack {stack_name} when the engine stopped "
        "waiting. Nothing was changed. Try again."
    )
