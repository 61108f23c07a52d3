"""The settings of the DB instance that an update has modified."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec
from engine.database import settings
from engine.models import Change, Finished, WaitRequest

if TYPE_CHECKING:
    from mypy_boto3_rds import RDSClient


def with_modified_settings(
    rds: Callable[[], RDSClient], request: WaitRequest, finished: Finished
) -> Finished:
    """Return `finished` with the old and new values of each modified DB instance's settings.

    It adds settings that nobody planned to change, too, such as a minor version. It calls `rds` only if a DB
    instance was modified, because making a client takes long.
    """
    before = {change.logical_id: change.settings for change in request.changes if change.settings}
    changes = [
        _with_values(rds(), change, before[change.logical_id])
        if change.logical_id in before and change.action == "Modify"
        else change
        for change in finished.changes
    ]
    return msgspec.structs.replace(finished, changes=changes)


def _with_values(rds: RDSClient, change: Change, before: dict[str, str]) -> Change:
    identifier = before["DBInstanceIdentifier"]
    after = settings(rds.describe_db_instances(DBInstanceIdentifier=identifier)["DBInstances"][0])
    differ = {name for name in before | after if before.get(name) != after.get(name)}
    values = {
        name: f"{name} {before.get(name, 'none')} -> {after.get(name, 'none')}" if name in differ else name
        for name in sorted({*change.properties, *differ})
    }
    return msgspec.structs.replace(change, properties=list(values.values()))
