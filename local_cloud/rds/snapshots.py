"""DB snapshots, manual and automated.

Sources: the RDS API reference (CreateDBSnapshot, DeleteDBSnapshot) and the user guide's "Working with
backups" and "Upgrading the PostgreSQL DB engine".
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from moto.rds import models
from moto.rds.exceptions import DBSnapshotAlreadyExistsError

from ..quotas import models as quotas
from .base import USABLE, RDSBase
from .exceptions import NotBackedUpError, Refused
from .resources import DBInstance, DBSnapshot

SNAPSHOT = 300  # AWS seconds; the first snapshot of a large database takes hours


class SnapshotBackend(RDSBase):
    """RDS's snapshots. A manual one takes time; an automated one is available at once."""

    def create_db_snapshot(
        self,
        db_instance_identifier: str,
        db_snapshot_identifier: str,
        snapshot_type: str = "manual",
        tags: list[dict[str, str]] | None = None,
        original_created_at: datetime | None = None,
        kms_key_id: str | None = None,
    ) -> DBSnapshot:
        """Begin to take a manual snapshot, or take an automated one."""
        database, manual = self.instance(db_instance_identifier), snapshot_type == "manual"
        if manual:
            self._check_manual(database)
        if db_snapshot_identifier in self.database_snapshots:
            raise DBSnapshotAlreadyExistsError(db_snapshot_identifier)
        snapshot = DBSnapshot(
            self, database, db_snapshot_identifier, snapshot_type, tags, original_created_at, kms_key_id
        )
        self.database_snapshots[db_snapshot_identifier] = snapshot
        if manual:
            self._take(database, snapshot)
        return snapshot

    def _check_manual(self, database: DBInstance) -> None:
        if database.status not in USABLE:
            raise Refused(
                "InvalidDBInstanceState",
                f"Cannot create a snapshot because the database instance {database.db_instance_identifier} "
                "is not currently in the available state.",
            )
        quota = quotas.backend().applied[quotas.MANUAL_SNAPSHOTS]
        if len([one for one in self.database_snapshots.values() if one.snapshot_type == "manual"]) >= quota:
            raise Refused("SnapshotQuotaExceeded", f"Cannot create more than {quota:.0f} manual snapshots")

    def _take(self, database: DBInstance, snapshot: DBSnapshot) -> None:
        before, database.status = database.status, "backing-up"
        snapshot.status, snapshot.percent_progress = "creating", 0
        self.record(database, "RDS-EVENT-0001")
        self.record(snapshot, "RDS-EVENT-0040")

        def taken() -> None:
            snapshot.status, snapshot.percent_progress = "available", 100
            self.record(snapshot, "RDS-EVENT-0042")
            self.record(database, "RDS-EVENT-0002")
            self.become(database, before, "backing-up")

        self.later(SNAPSHOT, taken)

    def restore_db_instance_from_db_snapshot(
        self, from_snapshot_id: str, overrides: dict[str, Any]
    ) -> models.DBInstance:
        """Begin to create an instance from a snapshot."""
        snapshot = self.database_snapshots.get(from_snapshot_id.rpartition(":snapshot:")[2])
        if snapshot is not None and snapshot.status != "available":
            raise Refused("InvalidDBSnapshotState", f"Snapshot {from_snapshot_id} is {snapshot.status}.")
        database = super().restore_db_instance_from_db_snapshot(from_snapshot_id, overrides)
        if snapshot is not None:
            self.record(snapshot, "RDS-EVENT-0043", snapshot=snapshot.db_snapshot_identifier)
        return database

    def take_automated_snapshot(self, instance: str, taken: datetime | None = None) -> str:
        """Let the backup window of an instance pass. Returns the identifier of the automated snapshot.

        Args:
            instance: the identifier of the DB instance.
            taken: the time of the snapshot, now if None. Its name ends in the minute, so two need two
                minutes.

        Raises:
            NotBackedUpError: automated backups are off, or the instance is not available ("Backup window").
        """
        database = self.instance(instance)
        if not database.backup_retention_period:
            raise NotBackedUpError(f"automated backups of {instance} are off: its BackupRetentionPeriod is 0")
        if database.status != "available":
            raise NotBackedUpError(f"{instance} is {database.status}, and not available")
        return self._take_automated(instance, instance, taken or datetime.now(UTC))

    def take_snapshot_of_upgrade(self, database: DBInstance, target: str | None) -> None:
        """Take the snapshot before an upgrade to `target`, or the one after it if None.

        RDS takes both if automated backups are on. The names are a guess from names in public reports.
        """
        instance, now = database.db_instance_identifier, datetime.now(UTC)
        versions = f"-{database.engine_version}-to-{target}".replace(".", "-")
        name = f"preupgrade-{instance}{versions}" if target else instance
        if database.backup_retention_period and f"rds:{name}-{now:%Y-%m-%d-%H-%M}" not in (
            self.database_snapshots
        ):
            self._take_automated(instance, name, now)

    def _take_automated(self, instance: str, name: str, taken: datetime) -> str:
        database = self.instance(instance)
        self.record(database, "RDS-EVENT-0001")
        snapshot = self.create_db_snapshot(instance, f"rds:{name}-{taken:%Y-%m-%d-%H-%M}", "automated")
        snapshot.created = taken
        self.record(snapshot, "RDS-EVENT-0090")
        self.record(snapshot, "RDS-EVENT-0091")
        self.record(database, "RDS-EVENT-0002")
        return str(snapshot.db_snapshot_identifier)
