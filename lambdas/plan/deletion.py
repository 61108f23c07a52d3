"""Whether AWS would delete the whole stack. The engine finds out before it deletes any part of it.

If AWS refuses to delete one resource, CloudFormation still deletes those that do not depend on it: a
protected database would stay without its backups, alarms and network.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from engine import stacks
from engine.account import Account
from engine.errors import DeletionBlockedError, StackBusyError, StackInProgressError
from engine.models import Planned, Request
from engine.wording import listed

from plan.neighbours import neighbours
from plan.readiness import busy

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import StackTypeDef
    from mypy_boto3_rds.type_defs import DBInstanceTypeDef
    from mypy_boto3_s3 import S3Client


# Object versions of a bucket that are checked for a lock: this takes some 10 seconds of the function's 60.
_ASKED = 200


def plan_deletion(account: Account, request: Request) -> Planned:
    """Return the stack to delete, or raise if AWS would refuse to delete a part of it.

    Raises:
        StackBusyError: another operation is updating the stack.
        StackInProgressError: an earlier deletion of the stack is under way.
        DeletionBlockedError: the message lists everything that blocks the deletion, and how to remove it.
    """
    stack = stacks.find(account.cloudformation, request.stack_name)
    if stack is None:
        return Planned(stack_id=None)
    status = stack["StackStatus"]
    # CloudFormation takes a deletion during a creation, but not during an update.
    if status.startswith("UPDATE_") and status.endswith("_IN_PROGRESS"):
        raise StackBusyError(busy(stack))
    # During a deletion, DeleteStack does nothing. This operation's own begins when that deletion has failed.
    if status == "DELETE_IN_PROGRESS":
        raise StackInProgressError(stacks.in_progress(stack, "TERMINATE"))
    # During a creation, nobody knows yet which resources the stack will have.
    if not status.endswith("_IN_PROGRESS"):
        _refuse_if_blocked(account, stack)
    return Planned(stack_id=stack["StackId"])


def _refuse_if_blocked(account: Account, stack: StackTypeDef) -> None:
    # Several resources may have the same physical id: a bucket and its policy.
    of_type: dict[str, set[str]] = defaultdict(set)
    for resource in stacks.resources(account.cloudformation, stack["StackId"]):
        of_type[resource["ResourceType"]].add(resource["PhysicalResourceId"])
    own = set().union(*of_type.values())
    blockers = [
        *_protection(stack),
        *_databases(account, own),
        *_locked_objects(account.s3, of_type["AWS::S3::Bucket"]),
    ]
    for vpc in of_type["AWS::EC2::VPC"]:
        blockers += neighbours(account.ec2, own, vpc)
    if not blockers:
        return
    database = ", and the database runs as before" if of_type["AWS::RDS::DBInstance"] else ""
    head = f"Nothing was deleted{database}. This keeps AWS from deleting the product:"
    if stack["StackStatus"] == "DELETE_FAILED":
        head = "Nothing more was deleted. This keeps AWS from deleting the rest:"
    foot = "Ask the owners, remove all of it, then terminate this provisioned product again."
    raise DeletionBlockedError(listed(head, [f"- {blocker}" for blocker in blockers], foot))


def _protection(stack: StackTypeDef) -> Iterator[str]:
    if stack.get("EnableTerminationProtection"):
        name = stack["StackName"]
        yield (
            f"stack {name} has termination protection: aws cloudformation update-termination-protection "
            f"--no-enable-termination-protection --stack-name {name}"
        )


def _databases(account: Account, own: Collection[str]) -> Iterator[str]:
    for database in account.databases():
        name = database["DBInstanceIdentifier"]
        if name not in own:
            if used := ", ".join(_used_by(database, own)):
                yield (
                    f"DB instance {name}, which does not belong to this product, uses {used}: move it "
                    f"elsewhere, or delete it: aws rds delete-db-instance --db-instance-identifier {name}"
                )
            continue
        if database.get("DeletionProtection"):
            yield (
                f"DB instance {name} has deletion protection, which somebody set by hand. If nobody needs "
                f"its data: aws rds modify-db-instance --db-instance-identifier {name} "
                "--no-deletion-protection --apply-immediately"
            )
        # The template asks RDS to delete the automated backups. RDS refuses if AWS Backup makes them
        # (reports: crossplane-contrib/provider-aws 1276, cloudposse/terraform-aws-rds-cluster 283).
        if recovery_point := database.get("AwsBackupRecoveryPointArn"):
            yield (
                f"DB instance {name} has continuous backups by AWS Backup: remove it from the backup plan, "
                "then aws backup disassociate-recovery-point --backup-vault-name VAULT --recovery-point-arn "
                f"{recovery_point}"
            )


def _used_by(database: DBInstanceTypeDef, own: Collection[str]) -> list[str]:
    subnet_group = database.get("DBSubnetGroup", {})
    names = [
        subnet_group.get("VpcId", ""),
        subnet_group.get("DBSubnetGroupName", ""),
        *(group.get("DBParameterGroupName", "") for group in database.get("DBParameterGroups", [])),
    ]
    return [name for name in names if name in own]


def _locked_objects(s3: S3Client, buckets: Collection[str]) -> Iterator[str]:
    """Find a locked object in each bucket: S3 does not let the stack empty such a bucket.

    Each object version takes two calls, so this looks at a limited number of them and stops at the first
    locked one: the function must end in time, however many objects there are.
    """
    for bucket in sorted(buckets):
        try:
            s3.get_object_lock_configuration(Bucket=bucket)
        except s3.exceptions.ClientError as error:
            if error.response["Error"]["Code"] in ("ObjectLockConfigurationNotFoundError", "NoSuchBucket"):
                continue
            raise
        pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket)
        versions = (version for page in pages for version in page.get("Versions", []))
        for version in islice(versions, _ASKED):
            if lock := _lock(s3, bucket, version["Key"], version["VersionId"]):
                yield (
                    f"bucket {bucket} holds objects under Object Lock, such as {version['Key']} ({lock}): "
                    "wait, or ask its owner to remove the lock"
                )
                break


def _lock(s3: S3Client, bucket: str, key: str, version: str) -> str | None:
    def ask(question: Callable[..., Any]) -> Any:
        try:
            return question(Bucket=bucket, Key=key, VersionId=version)
        except s3.exceptions.ClientError as error:
            if error.response["Error"]["Code"] in (
                "NoSuchObjectLockConfiguration",
                "NoSuchKey",
                "NoSuchVersion",
            ):
                return {}
            raise

    if ask(s3.get_object_legal_hold).get("LegalHold", {}).get("Status") == "ON":
        return "legal hold"
    retention = ask(s3.get_object_retention).get("Retention", {})
    until = retention.get("RetainUntilDate")
    if until is None or until < datetime.now(UTC):
        return None
    return f"{retention['Mode']} until {until:%d %B %Y}"
