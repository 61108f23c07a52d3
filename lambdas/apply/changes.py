"""Starting the stack operation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from engine import stacks
from engine.models import ApplyRequest

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient


def apply(cloudformation: CloudFormationClient, request: ApplyRequest) -> None:
    """Execute the change set, or delete the stack. A repeated call does nothing more.

    Each update sets the stack policy first: somebody may have removed it, and older engines did not set it.
    """
    if request.stack_id is None:
        return
    token = stacks.operation_name(request.record_id)
    if request.kind == "TERMINATE":
        # Without RoleARN, CloudFormation deletes a stack with the role that created it.
        cloudformation.delete_stack(StackName=request.stack_id, ClientRequestToken=token)
    elif request.change_set_arn is not None:
        if _holds_data(cloudformation, request.stack_id):
            stacks.protect(cloudformation, request.stack_id)
        _execute(cloudformation, request.stack_id, token)


def _holds_data(cloudformation: CloudFormationClient, stack_id: str) -> bool:
    stack = stacks.find(cloudformation, stack_id)
    return stack is not None and not stack["StackStatus"].endswith("_IN_PROGRESS")


def _execute(cloudformation: CloudFormationClient, stack_id: str, name: str) -> None:
    try:
        # The call names the stack, because the permissions for change sets are for their stacks.
        cloudformation.execute_change_set(StackName=stack_id, ChangeSetName=name, ClientRequestToken=name)
    except ClientError:
        # CloudFormation executes a change set once and may then delete it. Events with our token show that we
        # executed it; before the first event, the ExecutionStatus of the change set does.
        if not (stacks.events(cloudformation, stack_id, name) or _executed(cloudformation, stack_id, name)):
            raise


def _executed(cloudformation: CloudFormationClient, stack_id: str, name: str) -> bool:
    change_set = stacks.find_change_set(cloudformation, stack_id, name)
    return change_set is not None and change_set["ExecutionStatus"] in (
        "EXECUTE_IN_PROGRESS",
        "EXECUTE_COMPLETE",
    )
