"""RDS's snapshots: those that somebody asks for, and those that it takes by itself.

Behaviour after the RDS API reference (CreateDBSnapshot, DeleteDBSnapshot) and the user guide's "Working with
backups" and "Upgrading the PostgreSQL DB engine".
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from moto.rds.models import DBInstance, DBSnapshot, RDSBackend
from moto.rds.responses import RDSResponse

from ..quotas import models as quotas
from ..world import World
from .state import USABLE, Refused, backend, become, later, record

_SNAPSHOT = 300  # AWS seconds; the first one of a large database takes hours


class NotBackedUpError(Exception):
    """RDS takes no automated snapshot of the instance; the message says why."""


def install(world: World) -> None:
    """Take manual snapshots in time, and automated ones only when something here says so."""
    _patch_creation(world)

    def delete(self: RDSResponse) -> Any:
        snapshot = self.backend.database_snapshots.get(self.params["DBSnapshotIdentifier"])
        if snapshot is not None and snapshot.snapshot_type == "automated":
            raise Refused("InvalidDBSnapshotState", "Automated snapshots go with their instance only.")
        if snapshot is not None and snapshot.status != "available":
            raise Refused(
                "InvalidDBSnapshotState",
                f"Cannot delete the snapshot {snapshot.db_snapshot_identifier} because it is not currently "
                "in the available state.",
            )
        return original_delete(self)

    def restore(self: RDSBackend, from_snapshot_id: str, overrides: dict[str, Any]) -> DBInstance:
        snapshot = self.database_snapshots.get(from_snapshot_id.rpartition(":snapshot:")[2])
        if snapshot is not None and snapshot.status != "available":
            raise Refused("InvalidDBSnapshotState", f"Snapshot {from_snapshot_id} is {snapshot.status}.")
        restored: DBInstance = original_restore(self, from_snapshot_id, overrides)
        return restored

    # moto takes one of an instance that is still being created, whatever its retention.
    world.patch(DBInstance, "save_automated_backup", lambda self: None)  # noqa: ARG005
    original_delete = world.patch(RDSResponse, "delete_db_snapshot", delete)
    original_restore = world.patch(RDSBackend, "restore_db_instance_from_db_snapshot", restore)


def _patch_creation(world: World) -> None:
    def create(
        self: RDSBackend,
        db_instance_identifier: str,
        db_snapshot_identifier: str,
        snapshot_type: str = "manual",
        tags: list[dict[str, str]] | None = None,
        **more: Any,
    ) -> DBSnapshot:
        database = self.databases.get(db_instance_identifier)
        manual = snapshot_type == "manual"
        if manual and database is not None:
            _check(self, database)
        snapshot: DBSnapshot = original(
            self, db_instance_identifier, db_snapshot_identifier, snapshot_type, tags, **more
        )
        if manual and database is not None:
            before, database.status = database.status, "backing-up"
            snapshot.status, snapshot.percent_progress = "creating", 0  # type: ignore[attr-defined]

            def taken() -> None:
                become(database, before, "backing-up")
                snapshot.status, snapshot.percent_progress = "available", 100  # type: ignore[attr-defined]
                record(world, snapshot, "RDS-EVENT-0042", "creation", "Manual snapshot created")

            later(world, _SNAPSHOT, taken)
        return snapshot

    original = world.patch(RDSBackend, "create_db_snapshot", create)
    # moto counts automated snapshots, too.
    world.patch(RDSBackend, "SNAPSHOT_QUOTA", float("inf"))


def _check(self: RDSBackend, database: DBInstance) -> None:
    if database.status not in USABLE:
        raise Refused(
            "InvalidDBInstanceState",
            f"Cannot create a snapshot because the database instance {database.db_instance_identifier} is "
            "not currently in the available state.",
        )
    manual = [one for one in self.database_snapshots.values() if one.snapshot_type == "manual"]
    quota = quotas.backend().applied[quotas.MANUAL_SNAPSHOTS]
    if len(manual) >= quota:
        raise Refused(
            "SnapshotQuotaExceeded",
            f"Cannot create more than {quota:.0f} manual snapshots",
        )


def take_automated_snapshot(instance: str, taken: datetime | None = None) -> str:
    """Let the backup window of an instance pass. Returns the identifier of the automated snapshot.

    Args:
        instance: the identifier of the DB instance.
        taken: the time of the snapshot, now if None. There is one snapshot a minute at most: its name ends
            in the minute.

    Raises:
        NotBackedUpError: automated backups are off, or the instance is not available ("Backup window").
    """
    database = backend().describe_db_instances(instance)[0]
    if not database.backup_retention_period:
        raise NotBackedUpError(f"automated backups of {instance} are off: its BackupRetentionPeriod is 0")
    if database.status != "available":
        raise NotBackedUpError(f"{instance} is {database.status}, and not available")
    return _automated(World.running, instance, instance, taken or datetime.now(UTC))


def take_snapshot_of_upgrade(world: World, database: DBInstance, target: str | None) -> None:
    """Take the snapshot before an upgrade to `target`, or the one after it if None.

    RDS takes them where automated backups are on. Their names are a guess after ones seen in public.
    """
    instance, now = database.db_instance_identifier, datetime.now(UTC)
    versions = f"-{database.engine_version}-to-{target}".replace(".", "-")
    name = f"preupgrade-{instance}{versions}" if target else instance
    if database.backup_retention_period and f"rds:{name}-{now:%Y-%m-%d-%H-%M}" not in (
        backend().database_snapshots
    ):
        _automated(world, instance, name, now)


def _automated(world: World, instance: str, name: str, taken: datetime) -> str:
    snapshot = backend().create_auto_snapshot(instance, f"rds:{name}-{taken:%Y-%m-%d-%H-%M}")
    snapshot.created = taken
    record(world, snapshot, "RDS-EVENT-0091", "creation", "Automated snapshot created")
    return str(snapshot.db_snapshot_identifier)
