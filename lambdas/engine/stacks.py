"""CloudFormation: stacks, change sets and events, and which resources no update may take from a stack."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from engine.entry_point import logger
from engine.errors import StackDeletedError
from engine.models import Kind
from engine.reasons import next_step

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import (
        DescribeChangeSetOutputTypeDef,
        StackEventTypeDef,
        StackResourceSummaryTypeDef,
        StackSummaryTypeDef,
        StackTypeDef,
    )

# Resource types whose replacement or removal destroys data, and what would be destroyed.
HOLD_DATA = {
    "AWS::RDS::DBInstance": "the database and its automated backups would be deleted",
    "AWS::KMS::Key": "what it encrypts, the database included, could no longer be read",
    "AWS::S3::Bucket": "the backups in it would be deleted",
    "AWS::SecretsManager::Secret": "the password in it would be lost",
    # CloudFormation tells it to clean up, whatever the reason it goes for.
    "Custom::EmptyBucketOnDelete": "the backups in the bucket would be deleted",
}

# What a resource reports when it only stopped because another one had failed.
_CANCELLED = re.compile(r"^Resource (creation|update|deletion) cancelled", re.IGNORECASE)


class Failed(NamedTuple):
    """A resource that could not be made, changed or deleted, such as "Key (AWS::KMS::Key)", and why."""

    logical_id: str
    resource: str
    reason: str


def find(cloudformation: CloudFormationClient, stack: str) -> StackTypeDef | None:
    """Return a stack by name or id. A deleted one is found by its id only, for 90 days (DescribeStacks)."""
    try:
        return cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    except ClientError as error:
        if _does_not_exist(error):
            return None
        raise


def refuse_to_replace_deleted(cloudformation: CloudFormationClient, name: str) -> None:
    """Keep an update from launching an empty database in the place of one that is gone.

    A failed launch has left nothing either, but its stack has never been complete.

    Raises:
        StackDeletedError: says when the stack was deleted.
    """
    deleted = _find_deleted(cloudformation, name)
    if deleted:
        raise StackDeletedError(
            f"Stack {name} was deleted on {deleted['DeletionTime']:%d %B %Y at %H:%M} UTC, and its database "
            "with it; an update would launch an empty one in its place. Nothing was created. If you need the "
            "data, ask the platform team for a copy of a snapshot before you terminate this provisioned "
            "product, which deletes the snapshots that upgrades have left. Then launch a new one."
        )


def discard(
    cloudformation: CloudFormationClient, stack_id: str, change_set: str, *, with_stack: bool = False
) -> None:
    """Delete a change set that is not to be executed, and the empty stack that it made.

    What can't be deleted stays and does no harm: a later operation makes a change set of its own, and a
    termination deletes the stack. So it never takes the place of the reason for it.
    """
    try:
        if with_stack:
            cloudformation.delete_stack(StackName=stack_id)
        else:
            cloudformation.delete_change_set(StackName=stack_id, ChangeSetName=change_set)
    except (BotoCoreError, ClientError) as error:
        logger.warning("Change set not discarded", extra={"reason": type(error).__name__})


def _find_deleted(cloudformation: CloudFormationClient, name: str) -> StackSummaryTypeDef | None:
    """Return the newest stack of a name that was deleted after it had once been complete.

    ListStacks tells of deleted stacks for 90 days.
    """
    pages = cloudformation.get_paginator("list_stacks").paginate(StackStatusFilter=["DELETE_COMPLETE"])
    deleted = [stack for page in pages for stack in page["StackSummaries"] if stack["StackName"] == name]
    for stack in sorted(deleted, key=lambda one: one["CreationTime"], reverse=True):
        stack_id = stack["StackId"]
        if any(
            event.get("PhysicalResourceId") == stack_id and event.get("ResourceStatus") == "CREATE_COMPLETE"
            for event in _history(cloudformation, stack_id)
        ):
            return stack
    return None


def protect(cloudformation: CloudFormationClient, stack_id: str) -> None:
    """Let CloudFormation refuse, whoever asks, updates that replace or remove what holds data.

    It stays so until somebody sets another stack policy. Deleting the stack is not an update.
    """
    policy = {
        "Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": "Update:*", "Resource": "*"},
            {
                "Effect": "Deny",
                "Principal": "*",
                "Action": ["Update:Replace", "Update:Delete"],
                "Resource": "*",
                "Condition": {"StringEquals": {"ResourceType": list(HOLD_DATA)}},
            },
        ]
    }
    cloudformation.set_stack_policy(StackName=stack_id, StackPolicyBody=json.dumps(policy))


def find_change_set(
    cloudformation: CloudFormationClient, stack: str, name: str
) -> DescribeChangeSetOutputTypeDef | None:
    """Return a change set with all of its changes and their values; DescribeChangeSet gives them in pages."""
    try:
        pages = list(
            cloudformation.get_paginator("describe_change_set").paginate(
                StackName=stack, ChangeSetName=name, IncludePropertyValues=True
            )
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
    newest_first = _history(cloudformation, stack_id)
    return [event for event in reversed(newest_first) if event.get("ClientRequestToken") == token]


def failures(events: list[StackEventTypeDef]) -> list[Failed]:
    """Return the resources that failed, each once, the first one first.

    Those that were cancelled because of another one's failure are left out.
    """
    failed = [
        event
        for event in events
        if event.get("ResourceStatus", "").endswith("_FAILED")
        and not _CANCELLED.match(event.get("ResourceStatusReason", ""))
    ]
    # The stack's own failure event only counts the resources that failed.
    of_resources = [event for event in failed if event.get("PhysicalResourceId") != event["StackId"]]
    found: dict[str, Failed] = {}
    for event in of_resources or failed:
        name = event["LogicalResourceId"]
        reason = event.get("ResourceStatusReason", "CloudFormation gives no reason")
        found.setdefault(name, Failed(name, f"{name} ({event['ResourceType']})", reason))
    return list(found.values())


def said_of(failed: Sequence[Failed]) -> list[str]:
    """Return what AWS said of each resource that failed, with its name where there are several."""
    return [each.reason if len(failed) == 1 else f"{each.resource}: {each.reason}" for each in failed]


def in_progress(stack: StackTypeDef, kind: Kind) -> str:
    """Return what a user reads if an operation on a stack outlasts the engine's patience."""
    return (
        f"Stack {stack['StackName']} was still {stack['StackStatus']} when the engine stopped waiting. See "
        f"its events in the CloudFormation console; when it has come to rest, {next_step(kind)}."
    )


def resources(cloudformation: CloudFormationClient, stack: str) -> list[StackResourceSummaryTypeDef]:
    """Return the resources a stack has now."""
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
    return [
        resource
        for page in pages
        for resource in page["StackResourceSummaries"]
        if resource["ResourceStatus"] != "DELETE_COMPLETE" and resource.get("PhysicalResourceId")
    ]


def named(cloudformation: CloudFormationClient, prefix: str, *, but: Collection[str]) -> list[StackTypeDef]:
    """Return the living stacks whose names start so, but not those of the names in `but`.

    ListStacks gives no parameters, so each stack is described; that keeps DescribeStacks limited to those
    names.
    """
    pages = cloudformation.get_paginator("list_stacks").paginate()
    ids = [
        summary["StackId"]
        for page in pages
        for summary in page["StackSummaries"]
        if summary["StackName"].startswith(prefix)
        and summary["StackName"] not in but
        and summary["StackStatus"] != "DELETE_COMPLETE"
    ]
    return [stack for stack in (find(cloudformation, stack_id) for stack_id in ids) if stack]


def parameters(stack: StackTypeDef | None) -> dict[str, str]:
    """Return the values a stack runs with. Those of NoEcho parameters are asterisks."""
    found = stack.get("Parameters", []) if stack else []
    return {parameter["ParameterKey"]: parameter.get("ParameterValue", "") for parameter in found}


def operation_name(record_id: str) -> str:
    """Return a record id as a change set name and request token may be: letters, digits and hyphens."""
    return re.sub(r"[^A-Za-z0-9-]", "-", record_id)


def _history(cloudformation: CloudFormationClient, stack_id: str) -> list[StackEventTypeDef]:
    pages = cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack_id)
    return [event for page in pages for event in page["StackEvents"]]


def _does_not_exist(error: ClientError) -> bool:
    details = error.response["Error"]
    return details["Code"] == "ValidationError" and "does not exist" in details["Message"]
