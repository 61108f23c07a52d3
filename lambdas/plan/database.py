"""Whether RDS makes the planned changes of the DB instance now, and no others with them."""

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
    """Return the settings of each DB instance that is to be modified, by logical id, or raise.

    CloudFormation does not wait for it: the update would fail and be rolled back (the handler of
    AWS::RDS::DBInstance takes InvalidDBInstanceState for a conflict). "available" is the one status that the
    RDS User Guide calls open for modifications ("Viewing DB instance status"). While storage is optimized,
    only its own modification is refused ("Working with storage"); of a full instance the handler first
    raises the storage.

    Raises:
        DatabaseNotModifiableError: RDS would not modify it now; says in which status it is, and what to do.
        UnaskedChangesError: it would be changed in other ways as well.
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
            f"DB instance {identifier} does not exist any more: it was deleted, but not by CloudFormation. "
            "Nothing was changed. Ask the platform team whether there is a snapshot to restore."
        ) from None


def _require_status(database: DBInstanceTypeDef, changing: set[str]) -> None:
    status = database["DBInstanceStatus"]
    match status:
        case "available":
            return
        case "storage-optimization":
            if not changing & _OF_STORAGE:
                return
            advice = "RDS does not change storage before it has optimized it. Update again then."
        case "storage-full":
            if "AllocatedStorage" in changing:
                return
            advice = "Update with more AllocatedStorage; RDS modifies nothing else before."
        case "stopped":
            advice = "Start it, then update again."
        case _:
            advice = (
                "RDS modifies a DB instance while it is available. Update again when it is; if it does not "
                "become so by itself, give this text to the platform team."
            )
    identifier = database["DBInstanceIdentifier"]
    raise DatabaseNotModifiableError(
        f"DB instance {identifier} is in the status {status}. Nothing was changed. {advice}"
    )
