"""The change set of an operation: made, read and judged."""

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
    """Return what the operation would change, as a change set ready to execute.

    Called again and again until the change set is ready; the record id in its name makes that one change set.
    `rds` is called only when the database is to be modified: making a client of it takes long.

    Raises:
        ChangeSetInProgressError: CloudFormation is still computing.
        EngineError: the stack can't be updated now, for one of the reasons that `change_set_type` lists.
        ChangeSetFailedError: CloudFormation can't compute the changes.
        DataLossError: the changes would replace or remove something that holds data.
        DatabaseNotModifiableError: RDS would not make them now.
        UnaskedChangesError: the DB instance would be changed in other ways as well.
    """
    stack = stacks.find(cloudformation, request.stack_name)
    mode = change_set_type(cloudformation, request, stack)
    name = stacks.operation_name(request.record_id)
    change_set = stacks.find_change_set(cloudformation, request.stack_name, name) if stack else None
    if change_set is None:
        # A change set made a moment ago may not be visible yet.
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
    # The execution role lives beside the launch role: arn:PARTITION:iam::ACCOUNT:role/NAME.
    execution_role = f"{message.launch_role_arn.split(':role/')[0]}:role/{execution_role_name}"
    # A failed launch leaves nothing behind, so that the next update or terminate starts clean.
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
    # CloudFormation has no code for "nothing to do", only these two wordings.
    if "didn't contain changes" in reason or "No updates are to be performed" in reason:
        return Planned(stack_id=change_set["StackId"])
    ours = (
        f"CloudFormation can't plan the changes of stack {change_set['StackName']}, and nothing was changed. "
        "Correct what it names, then try again."
    )
    raise ChangeSetFailedError(quoting(ours, reason))


def _discard(
    cloudformation: CloudFormationClient,
    change_set: DescribeChangeSetOutputTypeDef,
    mode: Literal["CREATE", "UPDATE"],
) -> None:
    # A change set that was to create a stack has made an empty one.
    stacks.discard(
        cloudformation, change_set["StackId"], change_set["ChangeSetName"], with_stack=mode == "CREATE"
    )


def _planned(
    change_set: DescribeChangeSetOutputTypeDef,
    resource_changes: list[ResourceChangeTypeDef],
    databases: dict[str, dict[str, str]],
) -> Planned:
    # What holds data is not replaced either, or the changes would have been refused.
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
        f"CloudFormation was still computing the changes of stack {stack_name} when the engine stopped "
        "waiting. Nothing was changed. Try again."
    )
