"""The snapshots before major version upgrades: one for each operation that upgrades."""

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
    """Take the snapshot of an operation that upgrades, and return its id; or delete those of a TERMINATE.

    The record id is part of the snapshot's name, so repeated calls take one snapshot.

    Raises:
        SnapshotInProgressError: RDS is still taking a snapshot.
        SnapshotFailedError: RDS could not take the snapshot. The operation's change set is deleted.
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
    # RDS keeps identifiers in lower case, and refuses two hyphens in a row.
    name = re.sub("-+", "-", f"{_PREFIX}{stacks.operation_name(request.record_id)}-{database}").lower()
    found = _find(rds, name)
    if found is None:
        _create(rds, name, database, request.provisioned_product_id)
    elif found["Status"] == "available":
        # The DB instance is "backing-up" for some time; RDS modifies it only when it is "available".
        [instance] = rds.describe_db_instances(DBInstanceIdentifier=database)["DBInstances"]
        if instance["DBInstanceStatus"] == "available":
            return name
    elif found["Status"] != "creating":
        raise _failed(f"Snapshot {name} is {found['Status']}.")
    raise SnapshotInProgressError(
        f"Snapshot {name} was not ready when the engine stopped waiting. Nothing was changed. When the "
        "database is available, update again."
    )


def _create(rds: RDSClient, name: str, database: str, product: str) -> None:
    tag: TagTypeDef = {"Key": TRACER_TAG, "Value": product}
    try:
        # RDS may not show a snapshot that was made a moment ago.
        with suppress(rds.exceptions.DBSnapshotAlreadyExistsFault):
            rds.create_db_snapshot(DBSnapshotIdentifier=name, DBInstanceIdentifier=database, Tags=[tag])
    except ClientError as error:
        refused = translate(error)
        if isinstance(refused, ThrottledError):
            raise
        raise _failed(str(refused)) from error


def _failed(reason: str) -> SnapshotFailedError:
    return SnapshotFailedError(
        "RDS could not take the snapshot before the major version upgrade. Nothing was changed. "
        f"Correct the cause, then update again. {reason}"
    )


def _find(rds: RDSClient, name: str) -> DBSnapshotTypeDef | None:
    try:
        return rds.describe_db_snapshots(DBSnapshotIdentifier=name)["DBSnapshots"][0]
    except rds.exceptions.DBSnapshotNotFoundFault:
        return None


def _delete(rds: RDSClient, product: str) -> None:
    """Delete all snapshots of a provisioned product. It finds them by name and tag: the stack is gone."""
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
            "The stack is gone, but RDS could not delete these snapshots before the engine stopped waiting: "
            f"{states}. Terminate this provisioned product again."
        )


def _delete_one(rds: RDSClient, found: DBSnapshotTypeDef) -> None:
    with suppress(rds.exceptions.DBSnapshotNotFoundFault):
        try:
            rds.delete_db_snapshot(DBSnapshotIdentifier=found["DBSnapshotIdentifier"])
        except rds.exceptions.InvalidDBSnapshotStateFault:
            # DeleteDBSnapshot takes only an available snapshot (API reference). A failed one holds no data.
            if found["Status"] != "failed":
                raise
