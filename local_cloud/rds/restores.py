"""New instances from a snapshot, or from a point in time of another instance.

Sources: the RDS API reference (RestoreDBInstanceFromDBSnapshot, RestoreDBInstanceToPointInTime) and the user
guide's "Restoring to a DB instance" and "Restoring a DB instance to a specified time for Amazon RDS".
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

import psycopg

from .exceptions import Refused
from .instances import InstanceBackend
from .postgresql.backups import Backup
from .postgresql.packages import NoServerError
from .postgresql.server import NotStartedError
from .resources import DBInstance

log = logging.getLogger(__name__)

# What a restored instance has of its source, unless the request says otherwise. By the references it has the
# default parameter group, security group and subnet group, no Multi-AZ, no exported logs, no IAM logins, no
# deletion protection and no managed password.
_INHERITED = (
    "allocated_storage", "auto_minor_version_upgrade", "backup_retention_period", "ca_certificate_identifier",
    "character_set_name", "db_instance_class", "db_name", "engine", "iops",
    "license_model", "master_username", "network_type", "port", "preferred_backup_window",
    "preferred_maintenance_window", "publicly_accessible", "storage_encrypted", "storage_throughput",
    "storage_type",
)  # fmt: skip
_NO_PASSWORD = "of-the-source"  # nobody reads it: the data have the user's password


class RestoreBackend(InstanceBackend):
    """RDS's restores."""

    def restore_db_instance_from_db_snapshot(
        self, from_snapshot_id: str, overrides: dict[str, Any]
    ) -> DBInstance:
        """Begin to create an instance from a snapshot. It is available after some minutes."""
        snapshot = self.snapshot_to_read(from_snapshot_id)
        assert isinstance(snapshot.database, DBInstance)
        values = _values(snapshot.database, overrides) | {
            "allocated_storage": overrides.get("allocated_storage") or snapshot.allocated_storage,
            "engine_version": snapshot.engine_version,
            "kms_key_id": snapshot.kms_key_id,
            "storage_encrypted": snapshot.encrypted,
        }
        # User guide, "Tagging Amazon RDS resources": the source's own, if the request has none.
        values["tags"] = overrides.get("tags") or snapshot.database.tags
        if values["allocated_storage"] < snapshot.allocated_storage:
            raise Refused(
                "InvalidParameterValue",
                "The allocated storage size can't be less than the source snapshot or backup size.",
            )
        backup = snapshot.backup
        database = self.begin_creation(values, lambda created: self._serve(created, backup))
        self.record(snapshot, "RDS-EVENT-0043", snapshot=snapshot.db_snapshot_identifier)
        return database

    def restore_db_instance_to_point_in_time(
        self, source_db_identifier: str, target_db_identifier: str, overrides: dict[str, Any]
    ) -> DBInstance:
        """Begin to create an instance with the data that another one had before a point in time."""
        if not source_db_identifier:
            raise NotImplementedError(
                "restoring a point in time by anything except SourceDBInstanceIdentifier, such as a retained "
                "automated backup"
            )
        source = self.instance(source_db_identifier)
        # "upgrading": the user guide's "How to perform a major version upgrade".
        if source.status in ("upgrading", "deleting"):
            raise Refused("InvalidDBInstanceState", f"Instance {source_db_identifier} is {source.status}.")
        until = _point(source, overrides)
        backup = next((each for each in reversed(source.backups) if each.taken <= until), None) or next(
            iter(source.backups), None
        )
        values = _values(source, overrides) | {
            "db_instance_identifier": target_db_identifier,
            "engine_version": backup.version if backup else source.engine_version,
            "kms_key_id": source.kms_key_id,
            "source_db_instance_identifier": None,  # of replicas only
        }
        origin = source.db_instance_identifier

        def serve(database: DBInstance) -> None:
            if self._serve(database, backup, until):
                self.record(database, "RDS-EVENT-0019", origin=origin, name=target_db_identifier)

        return self.begin_creation(values, serve)

    def _serve(self, database: DBInstance, backup: Backup | None, until: datetime | None = None) -> bool:
        """Give a new instance the data of a backup, if there is one. Returns whether this succeeds."""
        try:
            if backup:
                self.restore_server(database, backup, until)
        except NoServerError as error:
            log.warning(
                "%s runs without a server, so without its data. %s", database.db_instance_identifier, error
            )
        except (NotStartedError, OSError, psycopg.Error) as error:
            log.warning("%s was not restored: %s", database.db_instance_identifier, error)
            database.status = "incompatible-restore"
            return False
        return True

    def describe_db_instance_automated_backups(
        self, db_instance_identifier: str | None = None, **others: Any
    ) -> list[Any]:
        """Return the automated backups of instances that exist."""
        if asked := sorted(name for name, value in others.items() if value):
            raise NotImplementedError(f"describing automated backups by {', '.join(asked)}")
        return [
            _automated_backup(each)
            for each in self.instances()
            if each.backup_retention_period and db_instance_identifier in (None, each.db_instance_identifier)
        ]


def _values(source: DBInstance, request: dict[str, Any]) -> dict[str, Any]:
    values = {name: getattr(source, name, None) for name in _INHERITED}
    values |= {"master_user_password": _NO_PASSWORD}
    return {name: value for name, value in values.items() if value is not None} | {
        name: value for name, value in request.items() if value is not None
    }


def _point(source: DBInstance, request: dict[str, Any]) -> datetime:
    """Return the time that a request restores to. Two refusals have their words from public reports."""
    latest, since = source.latest_restorable_time, source.backed_up_since
    if latest is None or since is None:
        raise Refused(
            "PointInTimeRestoreNotEnabled",
            f"Instance {source.db_instance_identifier} has no automated backups yet, or its "
            "BackupRetentionPeriod is 0.",
        )
    wanted, newest = request.get("restore_time"), bool(request.get("use_latest_restorable_time"))
    if newest == (wanted is not None):
        raise Refused("InvalidParameterCombination", "Specify either RestoreTime or UseLatestRestorableTime.")
    if wanted is None:
        return latest
    until: datetime = wanted if wanted.tzinfo else wanted.replace(tzinfo=UTC)
    if until > latest:
        raise Refused(
            "InvalidParameterValue",
            f"The specified instance cannot be restored to a time later than {latest:%Y-%m-%dT%H:%M:%SZ}.",
        )
    if until < since.replace(microsecond=0):
        raise Refused(
            "InvalidParameterValue",
            f"The specified instance cannot be restored to a time earlier than {since:%Y-%m-%dT%H:%M:%SZ} "
            f"because its backup retention period is set to {source.backup_retention_period} days.",
        )
    return until


def _automated_backup(database: DBInstance) -> dict[str, Any]:
    latest, since = database.latest_restorable_time, database.backed_up_since
    window = {"EarliestTime": since.replace(microsecond=0), "LatestTime": latest} if since else None
    return {
        "DBInstanceArn": database.arn,
        "DbiResourceId": database.dbi_resource_id,
        "Region": database.region,
        "DBInstanceIdentifier": database.db_instance_identifier,
        "RestoreWindow": window,
        "AllocatedStorage": database.allocated_storage,
        "Status": "active" if since else "creating",
        "Port": database.port,
        "InstanceCreateTime": database.created,
        "MasterUsername": database.master_username,
        "Engine": database.engine,
        "EngineVersion": database.engine_version,
        "Encrypted": database.storage_encrypted,
        "StorageType": database.storage_type,
        "KmsKeyId": database.kms_key_id,
        "BackupRetentionPeriod": database.backup_retention_period,
    }
