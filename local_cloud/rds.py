"""RDS where moto falls short: time, properties, logs, network interfaces, and what stands in the way of what.

Behaviour after the RDS API reference (CreateDBInstance, ModifyDBInstance, DeleteDBInstance) and the user
guide's "Viewing Amazon RDS DB instance status".
"""

from __future__ import annotations

import secrets
import string
import threading
from collections.abc import Callable
from typing import Any

from moto.core.exceptions import ServiceException
from moto.ec2.models import ec2_backends
from moto.logs.models import logs_backends
from moto.rds.models import DBInstance, RDSBackend

from .rds_offers import ENGINE, MAJORS, default_version, versions
from .world import World

_CREATION, _CREATION_MULTI_AZ, _MODIFICATION, _DELETION = (
    420,
    900,
    120,
    300,
)  # AWS seconds, as usually observed
# Request parameters that moto drops, by what DescribeDBInstances calls them.
_KEPT = {
    "enable_performance_insights": "performance_insights_enabled",
    "performance_insights_kms_key_id": "performance_insights_kms_key_id",
    "performance_insights_retention_period": "performance_insights_retention_period",
    "database_insights_mode": "database_insights_mode",
    "engine_lifecycle_support": "engine_lifecycle_support",
    "network_type": "network_type",
}


class _Refused(ServiceException):
    """RDS refuses; code and message come with it."""


def install(world: World) -> None:
    """Make moto's RDS behave as documented. Call it before the server starts."""
    _patch_creation(world)
    _patch_modification(world)
    _patch_deletion(world)
    _patch_groups(world)

    def endpoint(self: DBInstance) -> dict[str, Any] | None:
        if self.status == "creating":
            return None
        return {"Address": self.address, "Port": self.port, "HostedZoneId": "Z2R2ITUGPM61AM"}

    world.patch(DBInstance, "endpoint", property(endpoint))


def later(world: World, aws_seconds: float, work: Callable[[], None]) -> None:
    """Do `work` in a thread after `aws_seconds`, unless the cloud stops before."""

    def run() -> None:
        world.sleep(aws_seconds)
        if not world.stopping.is_set():
            work()

    threading.Thread(target=run, name="rds", daemon=True).start()


def _patch_creation(world: World) -> None:
    def create(self: RDSBackend, kwargs: dict[str, Any]) -> DBInstance:
        values = dict(kwargs.items())
        values["engine_version"] = _creatable(values)
        database: DBInstance = original(self, values)
        database.dbi_resource_id = "db-" + "".join(
            secrets.choice(string.ascii_uppercase + string.digits) for _ in range(26)
        )
        database.license_model = values.get("license_model", "postgresql-license")
        for parameter, attribute in _KEPT.items():
            if values.get(parameter) is not None:
                setattr(database, attribute, values[parameter])
        database.status = "creating"
        interfaces, zones = _create_interfaces(self, database)
        database.availability_zone = zones[0] if zones else database.availability_zone
        database.secondary_availability_zone = zones[1] if zones[1:] else None  # type: ignore[attr-defined]

        def available() -> None:
            if (
                self.databases.get(database.db_instance_identifier) is database
                and database.status == "creating"
            ):
                _create_log_groups(self, database)
                database.status = "available"

        database.interfaces = interfaces  # type: ignore[attr-defined]
        later(world, _CREATION_MULTI_AZ if database.multi_az else _CREATION, available)
        return database

    original = world.patch(RDSBackend, "create_db_instance", create)


def _creatable(values: dict[str, Any]) -> str:
    """The full version that a request asks for; a major version alone gets a minor of RDS's choice."""
    if values.get("engine") != ENGINE:
        raise _Refused(
            "InvalidParameterValue", f"The local cloud does not emulate the engine {values.get('engine')}"
        )
    version = values.get("engine_version") or MAJORS[-1]
    if version in MAJORS:
        return default_version(version)
    if not versions().get(version):
        raise _Refused("InvalidParameterCombination", f"Cannot find version {version} for {ENGINE}")
    return str(version)


def _create_interfaces(backend: RDSBackend, database: DBInstance) -> tuple[list[str], list[str]]:
    """Give the instance network interfaces, which hold its subnets and groups. Returns also their zones."""
    group = getattr(database, "db_subnet_group", None)
    if group is None:
        return [], []
    ec2 = ec2_backends[backend.account_id][backend.region_name]
    by_zone = {subnet.availability_zone: subnet for subnet in group._subnets}
    if database.multi_az and len(by_zone) < 2:
        raise _Refused(
            "DBSubnetGroupDoesNotCoverEnoughAZs",
            "A Multi-AZ instance needs subnets in two availability zones.",
        )
    zones = sorted(by_zone)[: 2 if database.multi_az else 1]
    groups = list(database.vpc_security_group_ids)
    interfaces = [
        ec2.create_network_interface(
            by_zone[zone], [], group_ids=groups, description="RDSNetworkInterface"
        ).id
        for zone in zones
    ]
    return interfaces, zones


def _create_log_groups(backend: RDSBackend, database: DBInstance) -> None:
    logs = logs_backends[backend.account_id][backend.region_name]
    for kind in database.enabled_cloudwatch_logs_exports:
        name = f"/aws/rds/instance/{database.db_instance_identifier}/{kind}"
        if name not in logs.groups:
            logs.create_log_group(name, {})


def _patch_modification(world: World) -> None:
    def modify(self: RDSBackend, identifier: str, kwargs: dict[str, Any]) -> DBInstance:
        values = dict(kwargs.items())
        database = self.describe_db_instances(identifier)[0]
        if database.status != "available":
            raise _Refused("InvalidDBInstanceState", "Database instance is not in available state.")
        _check_modification(database, values)
        for parameter, attribute in _KEPT.items():
            if values.get(parameter) is not None:
                setattr(database, attribute, values.pop(parameter))
        version = values.get("engine_version")
        if version is not None and version == database.engine_version.split(".")[0]:
            values.pop("engine_version")
        elif version in MAJORS:
            values["engine_version"] = default_version(version)
        original(self, identifier, values)
        _create_log_groups(self, database)
        database.status = "modifying"

        def available() -> None:
            if database.status == "modifying":
                database.status = "available"

        later(world, _MODIFICATION, available)
        return database

    original = world.patch(RDSBackend, "modify_db_instance", modify)


def _check_modification(database: DBInstance, values: dict[str, Any]) -> None:
    storage = values.get("allocated_storage")
    if storage is not None and storage < database.allocated_storage:
        raise _Refused(
            "InvalidParameterCombination", "Invalid storage size for engine name: the size cannot be reduced."
        )
    version = values.get("engine_version")
    if version is None:
        return
    current, wanted = (_numbers(text) for text in (database.engine_version, version))
    if wanted < current[: len(wanted)]:
        raise _Refused(
            "InvalidParameterCombination",
            f"Cannot upgrade {database.engine} from {database.engine_version} to {version}",
        )
    if wanted[0] > current[0] and not values.get("allow_major_version_upgrade"):
        raise _Refused(
            "InvalidParameterCombination",
            "The AllowMajorVersionUpgrade flag must be present when upgrading to a new major version.",
        )


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def _patch_deletion(world: World) -> None:
    def delete(self: RDSBackend, db_instance_identifier: str, *args: Any, **kwargs: Any) -> DBInstance:
        database: DBInstance = self.describe_db_instances(db_instance_identifier)[0]
        if database.status == "deleting":
            raise _Refused(
                "InvalidDBInstanceState", f"Instance {db_instance_identifier} is already being deleted."
            )
        # moto deletes at once: everything that may refuse is asked first, then the instance is put back.
        original(self, db_instance_identifier, *args, **kwargs)
        self.databases[db_instance_identifier] = database

        def gone() -> None:
            ec2 = ec2_backends[self.account_id][self.region_name]
            for interface in getattr(database, "interfaces", []):
                ec2.enis.pop(interface, None)
            if self.databases.get(db_instance_identifier) is database:
                self.databases.pop(db_instance_identifier)

        later(world, _DELETION, gone)
        return database

    original = world.patch(RDSBackend, "delete_db_instance", delete)


def _patch_groups(world: World) -> None:
    def delete_subnet_group(self: RDSBackend, subnet_name: str) -> Any:
        for database in self.databases.values():
            group = getattr(database, "db_subnet_group", None)
            if group is not None and group.name == subnet_name:
                raise _Refused(
                    "InvalidDBSubnetGroupStateFault",
                    f"Cannot delete the subnet group '{subnet_name}' because at least one database instance: "
                    f"{database.db_instance_identifier} is still using it.",
                )
        return delete_subnet_group_original(self, subnet_name)

    def delete_parameter_group(self: RDSBackend, db_parameter_group_name: str) -> Any:
        if any(item.db_parameter_group_name == db_parameter_group_name for item in self.databases.values()):
            raise _Refused(
                "InvalidDBParameterGroupState",
                "One or more database instances are still members of this parameter group "
                f"{db_parameter_group_name}, so the group cannot be deleted",
            )  # fmt: skip
        return delete_parameter_group_original(self, db_parameter_group_name)

    def create_subscription(self: RDSBackend, kwargs: Any) -> Any:
        values = {"enabled": True} | dict(kwargs.items())
        return create_subscription_original(self, values)

    delete_subnet_group_original = world.patch(RDSBackend, "delete_subnet_group", delete_subnet_group)
    delete_parameter_group_original = world.patch(
        RDSBackend, "delete_db_parameter_group", delete_parameter_group
    )
    create_subscription_original = world.patch(RDSBackend, "create_event_subscription", create_subscription)
