"""CloudFormation: stacks, change sets and events, without a word about the product."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import (
        DescribeChangeSetOutputTypeDef,
        StackEventTypeDef,
        StackResourceSummaryTypeDef,
        StackTypeDef,
    )


def find(cloudformation: CloudFormationClient, stack: str) -> StackTypeDef | None:
    """Return a stack by name or id. A deleted one is found by its id only, for 90 days (DescribeStacks)."""
    try:
        return cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    except ClientError as error:
        if _does_not_exist(error):
            return None
        raise


def find_change_set(
    cloudformation: CloudFormationClient, stack: str, name: str
) -> DescribeChangeSetOutputTypeDef | None:
    """Return a change set with all of its changes; DescribeChangeSet gives them in pages."""
    try:
        pages = list(
            cloudformation.get_paginator("describe_change_set").paginate(StackName=stack, ChangeSetName=name)
        )
    except ClientError as error:
        if error.response["Error"]["Code"] in ("ChangeSetNotFound", "ChangeSetNotFoundException"):
            return None
        if _does_not_exist(error):
            return None
        raise
    return {**pages[0], "Changes": [change for page in pages for change in page.get("Changes", [])]}


def events(cloudformation: CloudFormationClient, stack_id: str, token: str) -> list[StackEventTypeDef]:
    """Return the events of one operation, oldest first.

    CloudFormation puts the ClientRequestToken of an operation on every event the operation causes.
    """
    pages = cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack_id)
    newest_first = [event for page in pages for event in page["StackEvents"]]
    return [event for event in reversed(newest_first) if event.get("ClientRequestToken") == token]


def resources(cloudformation: CloudFormationClient, stack: str) -> list[StackResourceSummaryTypeDef]:
    """Return the resources a stack has now."""
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
    return [
        resource
        for page in pages
        for resource in page["StackResourceSummaries"]
        if resource["ResourceStatus"] != "DELETE_COMPLETE" and resource.get("PhysicalResourceId")
    ]


def named(cloudformation: CloudFormationClient, prefix: str) -> list[StackTypeDef]:
    """Return the living stacks whose names start so.

    ListStacks gives no parameters, so each stack is described; that keeps DescribeStacks limited to those
    names.
    """
    pages = cloudformation.get_paginator("list_stacks").paginate()
    ids = [
        summary["StackId"]
        for page in pages
        for summary in page["StackSummaries"]
        if summary["StackName"].startswith(prefix) and summary["StackStatus"] != "DELETE_COMPLETE"
    ]
    return [stack for stack in (find(cloudformation, stack_id) for stack_id in ids) if stack]


def parameters(stack: StackTypeDef | None) -> dict[str, str]:
    """Return the values a stack runs with. Those of NoEcho parameters are asterisks."""
    found = stack.get("Parameters", []) if stack else []
    return {parameter["ParameterKey"]: parameter.get("ParameterValue", "") for parameter in found}


def operation_name(record_id: str) -> str:
    """Return a record id as a change set name and request token may be: letters, digits and hyphens."""
    return re.sub(r"[^A-Za-z0-9-]", "-", record_id)


def _does_not_exist(error: ClientError) -> bool:
    details = error.response["Error"]
    return details["Code"] == "ValidationError" and "does not exist" in details["Message"]
