"""Modifications and engine upgrades of DB instances.

Sources: the RDS API reference (ModifyDBInstance) and the user guide's "Settings for DB instances",
"Viewing Amazon RDS DB instance status" and "Upgrading the PostgreSQL DB engine".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set
from typing import Any

from ..moto_seam import TURNS
from . import credentials
from .base import USABLE
from .exceptions import Refused
from .lifecycle import LifecycleBackend
from .offers import ENGINE, MAJORS, check_class, default_version, major_of, upgrade_targets, versions
from .resources import KEPT, DBInstance

# AWS seconds; storage optimization of a large database takes a day.
_MODIFICATION, _UPGRADE, _MAJOR_UPGRADE, _OPTIMIZATION = 120, 600, 1200, 3600
# Settings that wait for the maintenance window unless ApplyImmediately is set, by their names in
# PendingModifiedValues. A new retention period of backups waits only if it switches backups on or off.
_PENDING = {
    "allocated_storage": "AllocatedStorage",
    "backup_retention_period": "BackupRetentionPeriod",
    "ca_certificate_identifier": "CACertificateIdentifier",
    "db_instance_class": "DBInstanceClass",
    "enable_iam_database_authentication": "IAMDatabaseAuthenticationEnabled",
    "engine_version": "EngineVersion",
    "iops": "Iops",
    "license_model": "LicenseModel",
    "multi_az": "MultiAZ",
    "new_db_instance_identifier": "DBInstanceIdentifier",
    "storage_throughput": "StorageThroughput",
    "storage_type": "StorageType",
}
_DEFERRED = _PENDING.keys() - {"backup_retention_period"}
_STORAGE = ("allocated_storage", "iops", "storage_throughput", "storage_type")
_MASTER = {"manage_master_user_password", "master_user_password", "rotate_master_user_password"}
# The status while RDS changes one of these and nothing else ("Viewing Amazon RDS DB instance status").
_STATUSES = (
    ("resetting-master-credentials", _MASTER | {"master_user_secret_kms_key_id"}),
    ("configuring-enhanced-monitoring", {"monitoring_interval", "monitoring_role_arn"}),
    ("configuring-iam-database-auth", {"enable_iam_database_authentication"}),
    ("configuring-log-exports", {"cloudwatch_logs_export_configuration"}),
)
# These control the request; no setting of the instance has their values.
_OF_REQUEST = ("allow_major_version_upgrade", "apply_immediately", "db_instance_identifier")


class ModificationBackend(LifecycleBackend):
    """RDS's modifications of instances."""

    def modify_db_instance(self, db_instance_identifier: str, db_kwargs: dict[str, Any]) -> DBInstance:
        """Begin the changes that apply immediately. The others are pending."""
        values = {name: value for name, value in db_kwargs.items() if value is not None}
        database = self.instance(db_instance_identifier)
        at_once = bool(values.get("apply_immediately"))
        _check_status(database, values)
        credentials.check(values, managed=bool(database.manage_master_user_password))
        self._keep_master_secret(database, values)
        # A new value replaces the pending one. The present value cancels it.
        kept = {name: value for name, value in database.waiting.items() if name not in values}
        waiting = kept | self._deferred(database, values)
        if "engine_version" not in waiting:  # a parameter group waits only if it belongs to a major upgrade
            waiting.pop("db_parameter_group_name", None)
        group = values.get("db_parameter_group_name")
        if regrouped := group is not None and group != database.parameter_group:
            self.check_family(group, database.engine_version)
            database.parameter_apply_status = "pending-reboot"
            self.record(database, "RDS-EVENT-0011", group=group)
        for parameter, attribute in KEPT.items():
            if parameter in values:
                setattr(database, attribute, values.pop(parameter))
        interval = database.monitoring_interval
        immediate = values.keys() - set(_OF_REQUEST)
        if values.get("rotate_master_user_password"):
            immediate.add("apply_immediately")  # moto, like RDS, requires it
        super().modify_db_instance(
            db_instance_identifier, {name: values[name] for name in values if name in immediate}
        )
        self.create_log_groups(database)
        database.waiting = waiting
        database.pending_modified_values = {
            _PENDING[name]: value for name, value in waiting.items() if name in _PENDING
        }

        def finished() -> None:
            if regrouped:
                self.record(database, "RDS-EVENT-0092")
            if port := values.get("db_port_number"):
                self.listen_on(database, port)
                self.started(database, "RDS-EVENT-0006")
            if values.keys() & _MASTER:
                self.reset_credentials(database)

        if at_once and waiting:
            self._apply(database, finished)
        elif settings := values.keys() - set(_OF_REQUEST):
            self.pass_through(database, _status_of(settings), _MODIFICATION, finished)
        if database.monitoring_interval != interval:
            self.record(database, "RDS-EVENT-0078", seconds=database.monitoring_interval)
        return database

    def _keep_master_secret(self, database: DBInstance, values: dict[str, Any]) -> None:
        """Drop the settings that ask for the existing managed secret: moto would make a second one."""
        if not (values.get("manage_master_user_password") and database.manage_master_user_password):
            return
        values.pop("manage_master_user_password")
        key = values.pop("master_user_secret_kms_key_id", None)
        if key is not None and self.kms.describe_key(key).arn != database.master_user_secret.kms_key_id:
            raise NotImplementedError("another key for the master user secret")

    def _deferred(self, database: DBInstance, values: dict[str, Any]) -> dict[str, Any]:
        """Remove the deferred settings from `values`. Check and return those that change something."""
        found = {name: values.pop(name) for name in _DEFERRED if name in values}
        retention = values.get("backup_retention_period", database.backup_retention_period)
        if bool(retention) != bool(database.backup_retention_period):
            found["backup_retention_period"] = values.pop("backup_retention_period")
        name = found.pop("new_db_instance_identifier", database.db_instance_identifier).lower()
        found = {name: value for name, value in found.items() if getattr(database, name) != value}
        if name != database.db_instance_identifier:
            self.check_new_name(name)
            found["new_db_instance_identifier"] = name
        if found.get("multi_az"):
            self.check_zones(database)
        storage = found.get("allocated_storage", database.allocated_storage)
        if storage < database.allocated_storage:
            raise Refused(
                "InvalidParameterCombination",
                "Invalid storage size for engine name: the size cannot be reduced.",
            )
        # User guide, "Increasing DB instance storage capacity". The API reference says that RDS rounds up.
        if database.allocated_storage < storage < database.allocated_storage * 1.1:
            raise Refused(
                "InvalidParameterCombination", "The allocated storage has to grow by 10 percent at least."
            )
        if "engine_version" in found:
            found |= self._upgrade(database, found.pop("engine_version"), values)
        if "db_instance_class" in found:
            check_class(found["db_instance_class"], database.engine_version)
        return found

    def _upgrade(self, database: DBInstance, version: str, values: dict[str, Any]) -> dict[str, Any]:
        """Check an upgrade. Return its version and, for a major upgrade, the parameter group."""
        current = database.engine_version
        target = default_version(version) if version in MAJORS else version
        if target not in versions():
            raise Refused("InvalidParameterCombination", f"Cannot find version {version} for {ENGINE}")
        if target == current or (version == major_of(current) and target not in upgrade_targets(current)):
            return {}  # "updates … to the default minor version if the current minor version is lower"
        if target not in upgrade_targets(current):
            raise Refused(
                "InvalidParameterCombination", f"Cannot upgrade {ENGINE} from {current} to {target}"
            )
        if major_of(target) == major_of(current):
            return {"engine_version": target}
        if not values.get("allow_major_version_upgrade"):
            raise Refused(
                "InvalidParameterCombination",
                "The AllowMajorVersionUpgrade flag must be present when upgrading to a new major version.",
            )
        check_class(database.db_instance_class, target)
        group = values.pop("db_parameter_group_name", None)
        if group is None and not database.is_default_parameter_group(database.parameter_group):
            raise Refused(
                "InvalidParameterCombination",
                f"The current DB instance parameter group {database.parameter_group} is custom. You must "
                "explicitly specify a new DB instance parameter group, either default or custom, for the "
                "engine version upgrade.",
            )
        group = group or f"default.{ENGINE}{major_of(target)}"
        self.check_family(group, target)
        return {"engine_version": target, "db_parameter_group_name": group}

    def _apply(self, database: DBInstance, finished: Callable[[], None]) -> None:
        """Apply all pending changes, then call `finished`. A new name comes last."""
        changes = dict(database.waiting)
        new_name = changes.pop("new_db_instance_identifier", None)
        if not changes:
            database.waiting, database.pending_modified_values = {}, {}
            finished()
            self.rename(database, new_name)
            return
        target = changes.get("engine_version")
        if target is None:
            status, seconds = _status_of(changes.keys()), _MODIFICATION
        else:
            major = major_of(target) != major_of(database.engine_version)
            status, seconds = "upgrading", _MAJOR_UPGRADE if major else _UPGRADE
            self.take_snapshot_of_upgrade(database, target)
            self.record(database, "RDS-EVENT-0267")
        fails_over = database.multi_az and "db_instance_class" in changes
        for event in _events(changes, ended=False):
            self.record(database, event)
        if fails_over:
            self.record(database, "RDS-EVENT-0013")
        database.status = status

        def done() -> None:
            if not self.has_status(database, status):
                return
            upgraded = (
                target is not None
                and self.faults.database.takes_upgrade(database.db_instance_identifier)
                and self.upgrade_server(database, target)
            )
            if target is not None and not upgraded:
                for name in ("engine_version", "db_parameter_group_name"):
                    changes.pop(name, None)
            if "db_instance_class" in changes:
                self.crash_server(database)  # "available" starts it again
            grown = changes.get("allocated_storage", 0) > database.allocated_storage
            for name, value in changes.items():
                setattr(database, name, value)
            if "backup_retention_period" in changes:  # on or off
                with TURNS["rds"]:
                    self.end_backups(database)
                self.begin_backups(database)
            database.waiting, database.pending_modified_values = {}, {}
            if target is not None:
                self._end_upgrade(database, upgraded=upgraded)
            if "ca_certificate_identifier" in changes:
                self.reconfigure(database)
            self.match_standby(database)
            if fails_over:
                self.end_failover(database)
            for event in _events(changes, ended=True):
                self.record(database, event)
            finished()
            if not self.has_status(database, status):  # a request has deleted it meanwhile
                return
            if new_name:
                self.rename(database, new_name)
            elif grown:
                self.pass_through(database, "storage-optimization", _OPTIMIZATION)
            else:
                database.status = "available"

        self.later(seconds, done, database)

    def _end_upgrade(self, database: DBInstance, *, upgraded: bool) -> None:
        if not upgraded:
            self.record(database, "RDS-EVENT-0270")
            return
        database.take_parameters()
        if not database.option_group_supplied:
            database.take_default_option_group()
        self.take_snapshot_of_upgrade(database, None)
        self.record(database, "RDS-EVENT-0268")


def _status_of(settings: Set[str]) -> str:
    return next((status for status, names in _STATUSES if settings <= names), "modifying")


def _events(changes: dict[str, Any], *, ended: bool) -> Iterator[str]:
    """Yield the ids of the events with which RDS begins or ends to apply pending changes."""
    if "db_instance_class" in changes:
        yield "RDS-EVENT-0014" if ended else "RDS-EVENT-0012"
    if changes.keys() & set(_STORAGE):
        yield "RDS-EVENT-0017" if ended else "RDS-EVENT-0018"
    if changes.get("multi_az") is True:
        yield "RDS-EVENT-0025" if ended else "RDS-EVENT-0024"
    if changes.get("multi_az") is False:
        yield "RDS-EVENT-0029" if ended else "RDS-EVENT-0030"
    if ended and "backup_retention_period" in changes:
        yield "RDS-EVENT-0032" if changes["backup_retention_period"] else "RDS-EVENT-0028"


def _check_status(database: DBInstance, values: dict[str, Any]) -> None:
    if database.status == "storage-full" and values.keys() - set(_OF_REQUEST) <= set(_STORAGE):
        return  # the user guide's remedy for "storage-full": more storage
    if database.status not in USABLE:
        raise Refused("InvalidDBInstanceState", "Database instance is not in available state.")
    changed = {name for name in _STORAGE if name in values and getattr(database, name) != values[name]}
    if database.status == "storage-optimization" and changed:
        raise Refused(
            "InvalidParameterCombination",
            "You can't currently modify the storage of this DB instance because the previous storage change "
            "is being optimized.",
        )
