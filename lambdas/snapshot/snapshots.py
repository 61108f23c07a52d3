"""The snapshots from before major version upgrades, each of one operation and all of one product."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from engine import stacks
from engine.entry_point import translate
from engine.errors import SnapshotFailedError, SnapshotInProgressError, ThrottledError
from engine.models import TRACER_TAG, SnapshotRequest

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_rds import RDSClient
    from mypy_boto3_rds.type_defs import DBSnapshotTypeDef, TagTypeDef

_PREFIX = "pre-upgrade-"


def snapshot(rds: RDSClient, cloudformation: CloudFormationClient, request: SnapshotRequest) -> str | None:
    """Return the snapshot of an operation that upgrades once it is there; delete those of a TERMINATE.

    The record id in a snapshot's name makes that one snapshot, however often this is called.

    Raises:
        SnapshotInProgressError: RDS is still taking one.
        SnapshotFailedError: it could not be taken. The change set that was to follow is deleted.
    """
    if request.kind == "TERMINATE":
        _delete(rds, request.provisioned_product_id)
        return None
    if request.stack_id is None or request.change_set_arn is None:
        return None
    try:
        return _take(rds, _database(cloudformation, request.stack_id), request)
    except SnapshotFailedError:
        stacks.discard(cloudformation, request.stack_id, stacks.operation_name(request.record_id))
        raise


def _database(cloudformation: CloudFormationClient, stack_id: str) -> str:
    return next(
        resource["PhysicalResourceId"]
        for resource in stacks.resources(cloudformation, stack_id)
        if resource["ResourceType"] == "AWS::RDS::DBInstance"
    )


def _take(rds: RDSClient, database: str, request: SnapshotRequest) -> str:
    # RDS keeps identifiers in lower case, and takes no two hyphens in a row.
    name = re.sub("-+", "-", f"{_PREFIX}{stacks.operation_name(request.record_id)}-{database}").lower()
    found = _find(rds, name)
    if found is None:
        _create(rds, name, database, request.provisioned_product_id)
    elif found["Status"] == "available":
        # The instance is backing-up until then, and RDS modifies it when it is available again.
        [instance] = rds.describe_db_instances(DBInstanceIdentifier=database)["DBInstances"]
        if instance["DBInstanceStatus"] == "available":
            return name
    elif found["Status"] != "creating":
        raise _failed(f"RDS says that {name} is {found['Status']}.")
    raise SnapshotInProgressError(
        f"Snapshot {name} was not ready when the engine stopped waiting. Nothing was changed. When the "
        "database is available, update again."
    )


def _create(rds: RDSClient, name: str, database: str, product: str) -> None:
    tag: TagTypeDef = {"Key": TRACER_TAG, "Value": product}
    try:
        # One that was made a moment ago may not have been visible yet.
        with suppress(rds.exceptions.DBSnapshotAlreadyExistsFault):
            rds.create_db_snapshot(DBSnapshotIdentifier=name, DBInstanceIdentifier=database, Tags=[tag])
    except ClientError as error:
        refused = translate(error)
        if isinstance(refused, ThrottledError):
            raise
        raise _failed(str(refused)) from error


def _failed(reason: str) -> SnapshotFailedError:
    return SnapshotFailedError(
        "The snapshot that a major version upgrade begins with could not be taken, and nothing was changed. "
        f"Correct the cause, then update again. {reason}"
    )


def _find(rds: RDSClient, name: str) -> DBSnapshotTypeDef | None:
    try:
        return rds.describe_db_snapshots(DBSnapshotIdentifier=name)["DBSnapshots"][0]
    except rds.exceptions.DBSnapshotNotFoundFault:
        return None


def _delete(rds: RDSClient, product: str) -> None:
    """Delete all snapshots of a product, found by name and tag: its stack may be gone for long."""
    pages = rds.get_paginator("describe_db_snapshots").paginate(SnapshotType="manual")
    ours = [
        each
        for page in pages
        for each in page["DBSnapshots"]
        if each["DBSnapshotIdentifier"].startswith(_PREFIX)
        and {"Key": TRACER_TAG, "Value": product} in each.get("TagList", [])
    ]
    for each in ours:
        if each["Status"] in ("available", "failed"):
            _delete_one(rds, each)
    if busy := [each for each in ours if each["Status"] not in ("available", "failed")]:
        states = ", ".join(f"{each['DBSnapshotIdentifier']} ({each['Status']})" for each in busy)
        raise SnapshotInProgressError(
            f"The stack is gone, but {states} could not be deleted yet when the engine stopped waiting. "
            "Terminate again."
        )


def _delete_one(rds: RDSClient, found: DBSnapshotTypeDef) -> None:
    with suppress(rds.exceptions.DBSnapshotNotFoundFault):
        try:
            rds.delete_db_snapshot(DBSnapshotIdentifier=found["DBSnapshotIdentifier"])
        except rds.exceptions.InvalidDBSnapshotStateFault:
            # The API's page says that only an available one can be deleted. A failed one holds nothing.
            if found["Status"] != "failed":
                raise
