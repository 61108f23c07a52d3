"""RDS where moto falls short: time, properties, logs, network interfaces, what stands in whose way.

Behaviour after the RDS API reference (CreateDBInstance, DeleteDBInstance) and the user guide's "Viewing
Amazon RDS DB instance status".
"""

from __future__ import annotations

import secrets
import string
from typing import Any

from moto.ec2.models import ec2_backends
from moto.logs.models import logs_backends
from moto.rds.exceptions import DBParameterGroupNotFoundError
from moto.rds.models import DBInstance, RDSBackend

from ..moto_seam import TURNS
from ..quotas import models as quotas
from ..world import World
from .offers import ENGINE, MAJORS, default_version, instance_classes, versions
from .state import Refused, later

_CREATION, _CREATION_MULTI_AZ, _DELETION = 420, 900, 300  # AWS seconds, as usually observed
# Request parameters that moto drops, by what DescribeDBInstances calls them.
KEPT = {
    "enable_performance_insights": "performance_insights_enabled",
    "performance_insights_kms_key_id": "performance_insights_kms_key_id",
    "performance_insights_retention_period": "performance_insights_retention_period",
    "database_insights_mode": "database_insights_mode",
    "engine_lifecycle_support": "engine_lifecycle_support",
    "network_type": "network_type",
}


def install(world: World) -> None:
    """Make moto's RDS behave as documented. Call it before the server starts."""
    _patch_creation(world)
    _patch_deletion(world)
    _patch_groups(world)

    def endpoint(self: DBInstance) -> dict[str, Any] | None:
        if self.status == "creating":
            return None
        return {"Address": self.address, "Port": self.port, "HostedZoneId": "Z2R2ITUGPM61AM"}

    world.patch(DBInstance, "endpoint", property(endpoint))


def _patch_creation(world: World) -> None:
    def create(self: RDSBackend, kwargs: dict[str, Any]) -> DBInstance:
        quotas.backend().check(
            quotas.DB_INSTANCES, len(self.databases), "InstanceQuotaExceeded", "DB instances"
        )
        values = dict(kwargs.items())
        values["engine_version"] = version = _creatable(values)
        check_class(values["db_instance_class"], version)
        if group := values.get("db_parameter_group_name"):
            check_family(self, group, version)
        database: DBInstance = original(self, values)
        database.dbi_resource_id = "db-" + "".join(
            secrets.choice(string.ascii_uppercase + string.digits) for _ in range(26)
        )
        database.license_model = values.get("license_model", "postgresql-license")
        if not database.option_group_supplied:
            database.option_group_name = f"default:{ENGINE}-{version.partition('.')[0]}"
        database.engine_lifecycle_support = "open-source-rds-extended-support"  # type: ignore[attr-defined]
        for parameter, attribute in KEPT.items():
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
                create_log_groups(self, database)
                database.status = "available"

        database.interfaces = interfaces  # type: ignore[attr-defined]
        later(world, _CREATION_MULTI_AZ if database.multi_az else _CREATION, available)
        return database

    original = world.patch(RDSBackend, "create_db_instance", create)


def _creatable(values: dict[str, Any]) -> str:
    """The full version that a request asks for; a major version alone gets a minor of RDS's choice."""
    if values.get("engine") != ENGINE:
        raise Refused(
            "InvalidParameterValue", f"The local cloud does not emulate the engine {values.get('engine')}"
        )
    version = values.get("engine_version") or MAJORS[-1]
    if version in MAJORS:
        return default_version(version)
    if not versions().get(version):
        raise Refused("InvalidParameterCombination", f"Cannot find version {version} for {ENGINE}")
    return str(version)


def check_class(instance_class: str, version: str) -> None:
    """Raise Refused if RDS has no instances of this class with this engine version."""
    if instance_class not in instance_classes(version):
        raise Refused(
            "InvalidParameterCombination",
            "RDS does not support creating a DB instance with the following combination: DBInstanceClass="
            f"{instance_class}, Engine={ENGINE}, EngineVersion={version}, LicenseModel=postgresql-license. "
            "For supported combinations of instance class and database engine version, see the "
            "documentation.",
        )


def check_family(backend: RDSBackend, name: str, version: str) -> None:
    """Raise Refused unless a parameter group is one for this engine version; a default one is made.

    The words are from public reports of the refusal.
    """
    family = f"{ENGINE}{version.partition('.')[0]}"
    if name in {f"default.{ENGINE}{major}" for major in MAJORS} - backend.db_parameter_groups.keys():
        of = name.removeprefix("default.")
        backend.create_db_parameter_group(
            {
                "db_parameter_group_name": name,
                "db_parameter_group_family": of,
                "description": f"Default parameter group for {of}",
            }
        )
    group = backend.db_parameter_groups.get(name)
    if group is None:
        raise DBParameterGroupNotFoundError(name)
    if group.family != family:
        raise Refused(
            "InvalidParameterCombination",
            f"The parameter group {name} with DBParameterGroupFamily {group.family} can't be used for this "
            f"instance. Use a parameter group with DBParameterGroupFamily {family}.",
        )


def _create_interfaces(backend: RDSBackend, database: DBInstance) -> tuple[list[str], list[str]]:
    """Give the instance network interfaces, which hold its subnets and groups. Returns also their zones."""
    group = getattr(database, "db_subnet_group", None)
    if group is None:
        return [], []
    ec2 = ec2_backends[backend.account_id][backend.region_name]
    by_zone = {subnet.availability_zone: subnet for subnet in group._subnets}
    if database.multi_az and len(by_zone) < 2:
        raise Refused(
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


def create_log_groups(backend: RDSBackend, database: DBInstance) -> None:
    """Create the log groups that the instance's logs go to, as RDS does where they are not there."""
    logs = logs_backends[backend.account_id][backend.region_name]
    for kind in database.enabled_cloudwatch_logs_exports:
        name = f"/aws/rds/instance/{database.db_instance_identifier}/{kind}"
        if name not in logs.groups:
            logs.create_log_group(name, {})


def _patch_deletion(world: World) -> None:
    def delete(self: RDSBackend, db_instance_identifier: str, *args: Any, **kwargs: Any) -> DBInstance:
        database: DBInstance = self.describe_db_instances(db_instance_identifier)[0]
        if database.status == "deleting":
            raise Refused(
                "InvalidDBInstanceState", f"Instance {db_instance_identifier} is already being deleted."
            )
        recovery_point = getattr(database, "aws_backup_recovery_point_arn", None)
        if recovery_point and kwargs.get("delete_automated_backups") is not False:
            # The words are those reported for a cluster (cloudposse/terraform-aws-rds-cluster 283).
            raise Refused(
                "InvalidParameterCombination",
                f"RDS instance {db_instance_identifier} is associated with the following "
                f"AwsBackupRecoveryPointArn: {recovery_point}. NoDeleteAutomatedBackups must be specified. "
                "For more details, see the AWS Backup documentation.",
            )
        # moto deletes at once: everything that may refuse is asked first, then the instance is put back.
        original(self, db_instance_identifier, *args, **kwargs)
        self.databases[db_instance_identifier] = database

        def gone() -> None:
            ec2 = ec2_backends[self.account_id][self.region_name]
            with TURNS["ec2"]:
                for interface in getattr(database, "interfaces", []):
                    ec2.enis.pop(interface, None)
            with TURNS["rds"]:
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
                raise Refused(
                    "InvalidDBSubnetGroupStateFault",
                    f"Cannot delete the subnet group '{subnet_name}' because at least one database instance: "
                    f"{database.db_instance_identifier} is still using it.",
                )
        return delete_subnet_group_original(self, subnet_name)

    def delete_parameter_group(self: RDSBackend, db_parameter_group_name: str) -> Any:
        if any(item.db_parameter_group_name == db_parameter_group_name for item in self.databases.values()):
            raise Refused(
                "InvalidDBParameterGroupState",
                "One or more database instances are still members of this parameter group "
                f"{db_parameter_group_name}, so the group cannot be deleted",
            )  # fmt: skip
        return delete_parameter_group_original(self, db_parameter_group_name)

    delete_subnet_group_original = world.patch(RDSBackend, "delete_subnet_group", delete_subnet_group)
    delete_parameter_group_original = world.patch(
        RDSBackend, "delete_db_parameter_group", delete_parameter_group
    )
