"""Whether RDS would make the planned changes of the DB instance now, and no others."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from engine.database import settings
from engine.errors import DatabaseNotModifiableError

from plan.details import changed_in_place, properties
from plan.unasked import refuse_unasked

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import ResourceChangeTypeDef
    from mypy_boto3_rds import RDSClient
    from mypy_boto3_rds.type_defs import DBInstanceTypeDef

_OF_STORAGE = {"AllocatedStorage", "Iops", "StorageThroughput", "StorageType"}


def require_modifiable(
    rds: Callable[[], RDSClient], changes: list[ResourceChangeTypeDef]
) -> dict[str, dict[str, str]]:
    """Return the settings of each DB instance that the update would modify, by logical id.

    CloudFormation does not wait until RDS can modify a DB instance: the update would fail and be rolled back
    (the handler of AWS::RDS::DBInstance takes InvalidDBInstanceState for a conflict). RDS modifies a DB
    instance in the status "available" (RDS User Guide, "Viewing DB instance status"). During
    "storage-optimization" it refuses only changes of the storage ("Working with storage"). In "storage-full"
    the handler increases the storage first.

    Raises:
        DatabaseNotModifiableError: RDS would not modify a DB instance now; the message says why.
        UnaskedChangesError: the update would also change a DB instance in other ways.
    """
    in_place = changed_in_place(changes)
    live = {}
    for change in changes:
        if change["ResourceType"] == "AWS::RDS::DBInstance" and change["Action"] == "Modify":
            changing = properties(change, in_place)
            if changing:
                database = _describe(rds(), change["PhysicalResourceId"])
                _require_status(database, set(changing))
                refuse_unasked(database, change, set(changing))
                live[change["LogicalResourceId"]] = settings(database)
    return live


def _describe(rds: RDSClient, identifier: str) -> DBInstanceTypeDef:
    try:
        return rds.describe_db_instances(DBInstanceIdentifier=identifier)["DBInstances"][0]
    except rds.exceptions.DBInstanceNotFoundFault:
        raise DatabaseNotModifiableError(
            f"DB instance {identifier} does not exist any more: somebody deleted it in RDS. Nothing was "
            "changed. Ask the platform team whether there is a snapshot to restore."
        ) from None


def _require_status(database: DBInstanceTypeDef, changing: set[str]) -> None:
    status = database["DBInstanceStatus"]
    match status:
        case "available":
            return
        case "storage-optimization":
            if not changing & _OF_STORAGE:
                return
            advice = "RDS changes the storage only after it has optimized it. Update again then."
        case "storage-full":
            if "AllocatedStorage" in changing:
                return
            advice = "Update with more AllocatedStorage first: until then, RDS modifies nothing else."
        case "stopped":
            advice = "Start it, then update again."
        case _:
            advice = (
                "RDS modifies a DB instance only in the status available. Update again then. If the status "
                "does not change by itself, give this text to the platform team."
            )
    identifier = database["DBInstanceIdentifier"]
    raise DatabaseNotModifiableError(
        f"DB instance {identifier} is in the status {status}. Nothing was changed. {advice}"
    )
