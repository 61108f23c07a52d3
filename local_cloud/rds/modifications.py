"""What RDS does to an instance that is there: modifications, engine upgrades and reboots.

Behaviour after the RDS API reference (ModifyDBInstance, RebootDBInstance) and the user guide's "Settings for
DB instances", "Viewing Amazon RDS DB instance status" and "Upgrading the PostgreSQL DB engine".
"""

from __future__ import annotations

from typing import Any

from moto.rds.models import DBInstance, RDSBackend

from ..moto_seam import Local
from ..world import World
from .instances import KEPT, check_class, check_family, create_log_groups
from .offers import ENGINE, MAJORS, default_version, upgrade_targets, versions
from .snapshots import take_snapshot_of_upgrade
from .state import USABLE, Refused, backend, become, later, record

# AWS seconds; optimizing the storage of a large database takes a day.
_MODIFICATION, _UPGRADE, _MAJOR_UPGRADE, _OPTIMIZATION, _REBOOT = 120, 600, 1200, 3600, 60
# Settings that wait for the maintenance window unless they are applied immediately, by their names in
# PendingModifiedValues. Of the retention of backups, only switching them on or off waits.
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
    "storage_throughput": "StorageThroughput",
    "storage_type": "StorageType",
}
_DEFERRED = _PENDING.keys() - {"backup_retention_period"}
_STORAGE = ("allocated_storage", "iops", "storage_throughput", "storage_type")
# A setting of the request, and of nothing that is kept.
_OF_REQUEST = ("allow_major_version_upgrade", "apply_immediately", "db_instance_identifier")


def install(world: World) -> None:
    """Let ModifyDBInstance and RebootDBInstance take their time and refuse what RDS refuses."""
    _patch_modification(world)
    _patch_reboot(world)
    _patch_parameter_status(world)


def _patch_modification(world: World) -> None:
    def modify(self: RDSBackend, identifier: str, kwargs: dict[str, Any]) -> DBInstance:
        values = {name: value for name, value in kwargs.items() if value is not None}
        database = self.describe_db_instances(identifier)[0]
        at_once = bool(values.get("apply_immediately"))
        _check_status(database, values)
        _keep_master_secret(database, values)
        # What is given takes the place of what was pending, and the present value takes it back.
        kept = {name: value for name, value in getattr(database, "waiting", {}).items() if name not in values}
        waiting: dict[str, Any] = kept | _deferred(database, values)
        if "engine_version" not in waiting:  # only a major upgrade's parameter group waits
            waiting.pop("db_parameter_group_name", None)
        group = values.get("db_parameter_group_name")
        if group is not None and group != _group(database):
            check_family(self, group, database.engine_version)
            database.parameter_apply_status = "pending-reboot"  # type: ignore[attr-defined]
        for parameter, attribute in KEPT.items():
            if parameter in values:
                setattr(database, attribute, values.pop(parameter))
        immediate = values.keys() - set(_OF_REQUEST)
        if values.get("rotate_master_user_password"):
            immediate.add("apply_immediately")  # moto asks for it, as RDS does
        original(self, identifier, {name: values[name] for name in values if name in immediate})
        create_log_groups(self, database)
        database.waiting = waiting  # type: ignore[attr-defined]
        database.pending_modified_values = {  # type: ignore[attr-defined]
            _PENDING[name]: value for name, value in waiting.items() if name in _PENDING
        }
        if at_once and waiting:
            _apply(world, database)
        elif values.keys() - set(_OF_REQUEST):
            _pass_through(world, database, "modifying", _MODIFICATION)
        return database

    original = world.patch(RDSBackend, "modify_db_instance", modify)


def _check_status(database: DBInstance, values: dict[str, Any]) -> None:
    if database.status == "storage-full" and values.keys() - set(_OF_REQUEST) <= set(_STORAGE):
        return  # "Increase the storage": the way out
    if database.status not in USABLE:
        raise Refused("InvalidDBInstanceState", "Database instance is not in available state.")
    changed = {name for name in _STORAGE if name in values and getattr(database, name) != values[name]}
    if database.status == "storage-optimization" and changed:
        raise Refused(
            "InvalidParameterCombination",
            "You can't currently modify the storage of this DB instance because the previous storage change "
            "is being optimized.",
        )


def _keep_master_secret(database: DBInstance, values: dict[str, Any]) -> None:
    """Drop what asks for the managed secret that there is; moto would make a second one."""
    if not (values.get("manage_master_user_password") and database.manage_master_user_password):
        return
    values.pop("manage_master_user_password")
    key = values.pop("master_user_secret_kms_key_id", None)
    keys = backend().kms
    if key is not None and keys.describe_key(key).arn != database.master_user_secret.kms_key_id:
        raise NotImplementedError("another key for the master user secret")


def _deferred(database: DBInstance, values: dict[str, Any]) -> dict[str, Any]:
    """Take the deferred settings that change something out of `values`, and check them."""
    found = {name: values.pop(name) for name in _DEFERRED if name in values}
    retention = values.get("backup_retention_period", database.backup_retention_period)
    if bool(retention) != bool(database.backup_retention_period):
        found["backup_retention_period"] = values.pop("backup_retention_period")
    found = {name: value for name, value in found.items() if getattr(database, name) != value}
    storage = found.get("allocated_storage", database.allocated_storage)
    if storage < database.allocated_storage:
        raise Refused(
            "InvalidParameterCombination", "Invalid storage size for engine name: the size cannot be reduced."
        )
    # The user guide, "Increasing DB instance storage capacity"; the API's page says that it is rounded up.
    if database.allocated_storage < storage < database.allocated_storage * 1.1:
        raise Refused(
            "InvalidParameterCombination", "The allocated storage has to grow by 10 percent at least."
        )
    if "engine_version" in found:
        found |= _upgrade(database, found.pop("engine_version"), values)
    if "db_instance_class" in found:
        check_class(found["db_instance_class"], database.engine_version)
    return found


def _upgrade(database: DBInstance, version: str, values: dict[str, Any]) -> dict[str, Any]:
    """Check an upgrade; return the version it leads to and, for another major, its parameter group."""
    current = database.engine_version
    target = default_version(version) if version in MAJORS else version
    if target not in versions():
        raise Refused("InvalidParameterCombination", f"Cannot find version {version} for {ENGINE}")
    if target == current or (version == _major(current) and target not in upgrade_targets(current)):
        return {}  # "updates … to the default minor version if the current minor version is lower"
    if target not in upgrade_targets(current):
        raise Refused("InvalidParameterCombination", f"Cannot upgrade {ENGINE} from {current} to {target}")
    if _major(target) == _major(current):
        return {"engine_version": target}
    if not values.get("allow_major_version_upgrade"):
        raise Refused(
            "InvalidParameterCombination",
            "The AllowMajorVersionUpgrade flag must be present when upgrading to a new major version.",
        )
    check_class(database.db_instance_class, target)
    group = values.pop("db_parameter_group_name", None)
    if group is None and not database.is_default_parameter_group(_group(database)):
        raise Refused(
            "InvalidParameterCombination",
            f"The current DB instance parameter group {_group(database)} is custom. You must explicitly "
            "specify a new DB instance parameter group, either default or custom, for the engine version "
            "upgrade.",
        )
    group = group or f"default.{ENGINE}{_major(target)}"
    check_family(backend(), group, target)
    return {"engine_version": target, "db_parameter_group_name": group}


def _apply(world: World, database: DBInstance) -> None:
    """Apply all that waits."""
    changes: dict[str, Any] = database.waiting  # type: ignore[attr-defined]
    target = changes.get("engine_version")
    if target is None:
        status, seconds = "modifying", _MODIFICATION
    else:
        major = _major(target) != _major(database.engine_version)
        status, seconds = "upgrading", _MAJOR_UPGRADE if major else _UPGRADE
        take_snapshot_of_upgrade(world, database, target)
        record(world, database, "RDS-EVENT-0267", "maintenance", "The engine version upgrade started.")
    database.status = status

    def done() -> None:
        if not become(database, status, status):
            return
        upgraded = target is not None and Local.faults.database.takes_upgrade(database.db_instance_identifier)
        if target is not None and not upgraded:
            for name in ("engine_version", "db_parameter_group_name"):
                changes.pop(name, None)
        grown = changes.get("allocated_storage", 0) > database.allocated_storage
        for name, value in changes.items():
            setattr(database, name, value)
        database.waiting, database.pending_modified_values = {}, {}  # type: ignore[attr-defined]
        if target is not None:
            _end_upgrade(world, database, upgraded=upgraded)
        if grown:
            _pass_through(world, database, "storage-optimization", _OPTIMIZATION)
        else:
            database.status = "available"

    later(world, seconds, done)


def _end_upgrade(world: World, database: DBInstance, *, upgraded: bool) -> None:
    if not upgraded:
        record(
            world, database, "RDS-EVENT-0270", "maintenance",
            "The DB engine version upgrade failed. The engine version upgrade rollback succeeded.",
        )  # fmt: skip
        return
    database.parameter_apply_status = "in-sync"  # type: ignore[attr-defined]
    if not database.option_group_supplied:
        database.option_group_name = f"default:{ENGINE}-{_major(database.engine_version)}"
    take_snapshot_of_upgrade(world, database, None)
    record(world, database, "RDS-EVENT-0268", "maintenance", "The engine version upgrade finished.")


def _pass_through(world: World, database: DBInstance, status: str, seconds: float) -> None:
    database.status = status

    def over() -> None:
        become(database, "available", status)

    later(world, seconds, over)


def _patch_reboot(world: World) -> None:
    def reboot(self: RDSBackend, db_instance_identifier: str) -> DBInstance:
        database: DBInstance = original(self, db_instance_identifier)
        if database.status not in USABLE:
            raise Refused("InvalidDBInstanceState", "Database instance is not in available state.")
        database.parameter_apply_status = "in-sync"  # type: ignore[attr-defined]
        _pass_through(world, database, "rebooting", _REBOOT)
        record(world, database, "RDS-EVENT-0006", "availability", "DB instance restarted.")
        return database

    original = world.patch(RDSBackend, "reboot_db_instance", reboot)


def _patch_parameter_status(world: World) -> None:
    def status_list(self: DBInstance) -> list[dict[str, str]]:
        status = getattr(self, "parameter_apply_status", "in-sync")
        return [
            {"DBParameterGroupName": group.name, "ParameterApplyStatus": status}
            for group in self.db_parameter_groups()
        ]

    def modify_group(
        self: RDSBackend, db_parameter_group_name: str, db_parameter_group_parameters: Any
    ) -> Any:
        parameters = [dict(one.items()) for one in db_parameter_group_parameters]
        group = original(self, db_parameter_group_name, parameters)
        if any(one.get("ApplyMethod") == "pending-reboot" for one in parameters):
            for database in self.databases.values():
                if _group(database) == group.name:
                    database.parameter_apply_status = "pending-reboot"  # type: ignore[attr-defined]
        return group

    world.patch(DBInstance, "db_parameter_group_status_list", property(status_list))
    original = world.patch(RDSBackend, "modify_db_parameter_group", modify_group)


def _group(database: DBInstance) -> str:
    return str(database.db_parameter_groups()[0].name)


def _major(version: str) -> str:
    return version.partition(".")[0]
