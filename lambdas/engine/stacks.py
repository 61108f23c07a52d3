"""CloudFormation's stacks, change sets and events, and the resources that no update may take from a stack."""

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

# Resource types whose replacement or removal destroys data, and what it would do.
HOLD_DATA = {
    "AWS::RDS::DBInstance": "the database and its automated backups would be deleted",
    "AWS::KMS::Key": "the database and everything else that it encrypts could no longer be read",
    "AWS::S3::Bucket": "the backups in it would be deleted",
    "AWS::SecretsManager::Secret": "the password in it would be lost",
    # It empties its bucket whenever CloudFormation deletes it.
    "Custom::EmptyBucketOnDelete": "the backups in the bucket would be deleted",
}

# The status reason of a resource that only stopped because another one had failed.
_CANCELLED = re.compile(r"^Resource (creation|update|deletion) cancelled", re.IGNORECASE)


class Failed(NamedTuple):
    """A resource that CloudFormation could not create, update or delete, such as "Key (AWS::KMS::Key)"."""

    logical_id: str
    resource: str
    reason: str


def find(cloudformation: CloudFormationClient, stack: str) -> StackTypeDef | None:
    """Return a stack by its name or id. CloudFormation finds a deleted one for 90 days, by its id only."""
    try:
        return cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    except ClientError as error:
        if _does_not_exist(error):
            return None
        raise


def refuse_to_replace_deleted(cloudformation: CloudFormationClient, name: str) -> None:
    """Keep an update from launching an empty database in the place of a deleted one.

    After a failed launch there is no stack either, but that stack was never complete.

    Raises:
        StackDeletedError: somebody deleted the stack; the message says when.
    """
    deleted = _find_deleted(cloudformation, name)
    if deleted:
        raise StackDeletedError(
            f"Stack {name} was deleted on {deleted['DeletionTime']:%d %B %Y at %H:%M} UTC, and its database "
            "with it. An update would launch an empty database in its place, so nothing was created. If you "
            "need the data, first ask the platform team for a copy of a snapshot: a termination deletes the "
            "snapshots that upgrades have left. Then terminate this provisioned product and launch a new one."
        )


def discard(
    cloudformation: CloudFormationClient, stack_id: str, change_set: str, *, with_stack: bool = False
) -> None:
    """Delete a change set that nobody will execute; `with_stack` deletes the empty stack that it made, too.

    A failure is only logged, because it must not hide the operation's own reason. What stays does no harm: a
    later operation makes its own change set, and a termination deletes the stack.
    """
    try:
        if with_stack:
            cloudformation.delete_stack(StackName=stack_id)
        else:
            cloudformation.delete_change_set(StackName=stack_id, ChangeSetName=change_set)
    except (BotoCoreError, ClientError) as error:
        logger.warning("Change set not discarded", extra={"reason": type(error).__name__})


def _find_deleted(cloudformation: CloudFormationClient, name: str) -> StackSummaryTypeDef | None:
    """Return the newest deleted stack of a name that was complete once.

    ListStacks lists a deleted stack for 90 days.
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
    """Set a stack policy that forbids everybody to replace or delete a resource that holds data by an update.

    It does not forbid to delete the stack.
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
    """Return a change set with the changes of all pages and their values; None if it does not exist."""
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
    """Return the events of one stack operation, oldest first.

    CloudFormation puts the ClientRequestToken of a stack operation on each of its events.
    """
    newest_first = _history(cloudformation, stack_id)
    return [event for event in reversed(newest_first) if event.get("ClientRequestToken") == token]


def failures(events: list[StackEventTypeDef]) -> list[Failed]:
    """Return each resource that failed, in the order of the failures.

    A resource that was cancelled because another one failed is not among them.
    """
    failed = [
        event
        for event in events
        if event.get("ResourceStatus", "").endswith("_FAILED")
        and not _CANCELLED.match(event.get("ResourceStatusReason", ""))
    ]
    # The stack's own event only repeats which resources failed.
    of_resources = [event for event in failed if event.get("PhysicalResourceId") != event["StackId"]]
    found: dict[str, Failed] = {}
    for event in of_resources or failed:
        name = event["LogicalResourceId"]
        reason = event.get("ResourceStatusReason", "CloudFormation gives no reason")
        found.setdefault(name, Failed(name, f"{name} ({event['ResourceType']})", reason))
    return list(found.values())


def said_of(failed: Sequence[Failed]) -> list[str]:
    """Return what AWS said about each failed resource, with the resource's name if there are several."""
    return [each.reason if len(failed) == 1 else f"{each.resource}: {each.reason}" for each in failed]


def in_progress(stack: StackTypeDef, kind: Kind) -> str:
    """Return the reason for the case that a stack operation takes longer than the engine waits."""
    return (
        f"Stack {stack['StackName']} was still {stack['StackStatus']} when the engine stopped waiting. See "
        f"its events in the CloudFormation console; when it has come to rest, {next_step(kind)}."
    )


def resources(cloudformation: CloudFormationClient, stack: str) -> list[StackResourceSummaryTypeDef]:
    """Return the resources that a stack has now."""
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
    return [
        resource
        for page in pages
        for resource in page["StackResourceSummaries"]
        if resource["ResourceStatus"] != "DELETE_COMPLETE" and resource.get("PhysicalResourceId")
    ]


def with_name_prefix(
    cloudformation: CloudFormationClient, prefix: str, *, but: Collection[str]
) -> list[StackTypeDef]:
    """Return the existing stacks whose names begin with `prefix`, without those named in `but`.

    ListStacks gives no parameters, so this describes each stack by itself: the launch role may call
    DescribeStacks for such names only.
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
    """Return the values of a stack's parameters. NoEcho parameters have asterisks."""
    found = stack.get("Parameters", []) if stack else []
    return {parameter["ParameterKey"]: parameter.get("ParameterValue", "") for parameter in found}


def operation_name(record_id: str) -> str:
    """Return a record id as change set names and request tokens take it: letters, digits and hyphens."""
    return re.sub(r"[^A-Za-z0-9-]", "-", record_id)


def _history(cloudformation: CloudFormationClient, stack_id: str) -> list[StackEventTypeDef]:
    pages = cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack_id)
    return [event for page in pages for event in page["StackEvents"]]


def _does_not_exist(error: ClientError) -> bool:
    details = error.response["Error"]
    return details["Code"] == "ValidationError" and "does not exist" in details["Message"]
