"""DB snapshots, manual and automated.

Sources: the RDS API reference (CreateDBSnapshot, CopyDBSnapshot, DeleteDBSnapshot) and the user guide's
"Working with backups" and "Upgrading the PostgreSQL DB engine".
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from moto.rds import models
from moto.rds.exceptions import DBSnapshotAlreadyExistsError, DBSnapshotNotFoundFault

from ..kms.models import find_key
from ..quotas import models as quotas
from .base import USABLE
from .exceptions import NotBackedUpError, Refused
from .postgresql import backups
from .resources import DBInstance, DBSnapshot
from .serving import ServingBackend

SNAPSHOT = 300  # AWS seconds; the first snapshot of a large database takes hours


class SnapshotBackend(ServingBackend):
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
        if database.server:
            # The data are those of this moment, however long RDS takes.
            snapshot.backup = backups.take(
                database.server, self.servers.new_snapshot(), database.engine_version
            )
        if manual:
            self._take(database, snapshot)
        elif snapshot.backup:
            database.backups.append(snapshot.backup)
        return snapshot

    def delete_db_snapshot(self, db_snapshot_identifier: str) -> models.DBSnapshot:
        """Delete a snapshot with its data."""
        snapshot = super().delete_db_snapshot(db_snapshot_identifier)
        assert isinstance(snapshot, DBSnapshot)
        if snapshot.backup:
            snapshot.backup.remove()
        return snapshot

    def begin_backups(self, database: DBInstance) -> None:
        """Take an instance's first automated backup, if it has any. Here it is no snapshot."""
        if not database.backup_retention_period:
            return
        self._back_up(database)
        database.backed_up_since = datetime.now(UTC)

    def _back_up(self, database: DBInstance) -> None:
        if database.server:
            folder = database.server.folder / f"backup-{len(database.backups)}"
            database.backups.append(backups.take(database.server, folder, database.engine_version))

    def end_backups(self, database: DBInstance) -> None:
        """Delete an instance's automated backups (user guide, "Disabling automated backups")."""
        database.backed_up_since = None
        for snapshot in list(self.database_snapshots.values()):
            if (snapshot.dbi_resource_id, snapshot.snapshot_type) == (database.dbi_resource_id, "automated"):
                self.delete_db_snapshot(snapshot.db_snapshot_identifier)
        database.backups.clear()

    def copy_db_snapshot(
        self,
        source_db_snapshot_identifier: str,
        target_db_snapshot_identifier: str,
        kms_key_id: str | None = None,
        tags: list[dict[str, str]] | None = None,
        copy_tags: bool | None = False,
        **others: Any,
    ) -> DBSnapshot:
        """Begin to copy a snapshot to a manual one, under another key if one is named."""
        if asked := sorted(name for name, value in others.items() if value):
            raise NotImplementedError(f"copying a snapshot with {', '.join(asked)}")
        source = self.snapshot_to_read(source_db_snapshot_identifier)
        if target_db_snapshot_identifier in self.database_snapshots:
            raise DBSnapshotAlreadyExistsError(target_db_snapshot_identifier)
        self._check_quota()
        if kms_key_id is not None:
            key = find_key(kms_key_id)
            if key is None or not key.enabled:
                raise Refused("KMSKeyNotAccessibleFault", f"KMS key {kms_key_id} is not accessible.")
            kms_key_id = key.arn
        copy = DBSnapshot(
            self, source.database, target_db_snapshot_identifier, kms_key_id=kms_key_id or source.kms_key_id,
            original_created_at=source.original_snapshot_create_time,
        )  # fmt: skip
        copy.tags = tags or (source.tags if copy_tags else [])
        copy.status, copy.percent_progress = "creating", 0
        if source.backup:
            copy.backup = source.backup.copy(self.servers.new_snapshot())
        self.database_snapshots[target_db_snapshot_identifier] = copy

        def copied() -> None:
            copy.status, copy.percent_progress = "available", 100

        self.later(SNAPSHOT, copied)
        return copy

    def snapshot_to_read(self, name_or_arn: str) -> DBSnapshot:
        """Return the snapshot of a name or ARN, if it is complete and RDS can decrypt it."""
        name = name_or_arn.rpartition(":snapshot:")[2]
        snapshot = self.database_snapshots.get(name)
        if snapshot is None:
            raise DBSnapshotNotFoundFault(name)
        assert isinstance(snapshot, DBSnapshot)
        if snapshot.status != "available":
            raise Refused("InvalidDBSnapshotState", f"Snapshot {name_or_arn} is {snapshot.status}.")
        key = find_key(snapshot.kms_key_id) if snapshot.kms_key_id else None
        if key is not None and not key.enabled:
            raise Refused("KMSKeyNotAccessibleFault", f"KMS key {key.arn} is not accessible.")
        return snapshot

    def _check_manual(self, database: DBInstance) -> None:
        if database.status not in USABLE:
            raise Refused(
                "InvalidDBInstanceState",
                f"Cannot create a snapshot because the database instance {database.db_instance_identifier} "
                "is not currently in the available state.",
            )
        self._check_quota()

    def _check_quota(self) -> None:
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

        self.later(SNAPSHOT, taken, database)

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
        if not database.backup_retention_period:
            return
        if f"rds:{name}-{now:%Y-%m-%d-%H-%M}" not in self.database_snapshots:
            self._take_automated(instance, name, now)
        elif target is None:  # a point in time after the upgrade needs it
            self._back_up(database)

    def _take_automated(self, instance: str, name: str, taken: datetime) -> str:
        database = self.instance(instance)
        self.record(database, "RDS-EVENT-0001")
        snapshot = self.create_db_snapshot(instance, f"rds:{name}-{taken:%Y-%m-%d-%H-%M}", "automated")
        snapshot.created = taken
        self.record(snapshot, "RDS-EVENT-0090")
        self.record(snapshot, "RDS-EVENT-0091")
        self.record(database, "RDS-EVENT-0002")
        return str(snapshot.db_snapshot_identifier)
