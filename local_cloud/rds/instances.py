"""DB instances: creation and deletion in time, network interfaces and log groups.

Sources: the RDS API reference (CreateDBInstance, DeleteDBInstance) and the user guide's "Viewing
Amazon RDS DB instance status".
"""

from __future__ import annotations

from typing import Any

from moto.ec2.models import ec2_backends
from moto.logs.models import logs_backends
from moto.rds.exceptions import DBInstanceAlreadyExists

from ..moto_seam import TURNS
from ..quotas import models as quotas
from .exceptions import Refused
from .groups import GroupBackend
from .offers import ENGINE, MAJORS, check_class, default_version, versions
from .resources import DBInstance
from .serving import ServingBackend

_CREATION, _CREATION_MULTI_AZ, _DELETION = 420, 900, 300  # AWS seconds; usual values


class InstanceBackend(GroupBackend, ServingBackend):
    """RDS's instances."""

    def create_db_instance(self, db_kwargs: dict[str, Any]) -> DBInstance:
        """Begin to create an instance. It is available after some minutes."""
        values = dict(db_kwargs.items())
        values["engine_version"] = version = _creatable(values)
        check_class(values["db_instance_class"], version)
        if group := values.get("db_parameter_group_name"):
            self.check_family(group, version)
        quotas.backend().check(
            quotas.DB_INSTANCES, len(self.databases), "InstanceQuotaExceeded", "DB instances"
        )
        identifier = values["db_instance_identifier"]
        if identifier in self.databases:
            raise DBInstanceAlreadyExists
        self._validate_db_identifier(identifier)
        database = DBInstance(self, **values)  # type: ignore[abstract]  # moto's class lacks methods that nobody calls
        self._create_interfaces(database)
        self.databases[identifier] = database
        database.add_event("DB_INSTANCE_CREATE")

        def available() -> None:
            if self.databases.get(identifier) is database and database.status == "creating":
                self.create_log_groups(database)
                self.create_server(database)
                database.status = "available"

        self.later(_CREATION_MULTI_AZ if database.multi_az else _CREATION, available)
        return database

    def _create_interfaces(self, database: DBInstance) -> None:
        """Give an instance Availability Zones, and network interfaces that use its subnets and groups."""
        group = getattr(database, "db_subnet_group", None)
        if group is None:
            return
        ec2 = ec2_backends[self.account_id][self.region_name]
        by_zone = {subnet.availability_zone: subnet for subnet in group._subnets}
        if database.multi_az and len(by_zone) < 2:
            raise Refused(
                "DBSubnetGroupDoesNotCoverEnoughAZs",
                "A Multi-AZ instance needs subnets in two availability zones.",
            )
        zones = sorted(by_zone)[: 2 if database.multi_az else 1]
        groups = list(database.vpc_security_group_ids)
        database.interfaces = [
            ec2.create_network_interface(
                by_zone[zone], [], group_ids=groups, description="RDSNetworkInterface"
            ).id
            for zone in zones
        ]
        database.availability_zone = zones[0]
        database.secondary_availability_zone = zones[1] if zones[1:] else None

    def create_log_groups(self, database: DBInstance) -> None:
        """Create the missing log groups of the instance's exported logs, as RDS does."""
        logs = logs_backends[self.account_id][self.region_name]
        for kind in database.enabled_cloudwatch_logs_exports:
            name = f"/aws/rds/instance/{database.db_instance_identifier}/{kind}"
            if name not in logs.groups:
                logs.create_log_group(name, {})

    def delete_db_instance(
        self,
        db_instance_identifier: str,
        final_db_snapshot_identifier: str | None = None,
        skip_final_snapshot: bool | None = False,
        delete_automated_backups: bool | None = True,
    ) -> DBInstance:
        """Begin to delete an instance. It is gone after some minutes."""
        database = self.instance(db_instance_identifier)
        if database.status == "deleting":
            raise Refused(
                "InvalidDBInstanceState", f"Instance {db_instance_identifier} is already being deleted."
            )
        recovery_point = database.aws_backup_recovery_point_arn
        if recovery_point and delete_automated_backups is not False:
            # The words are from a report about a cluster (cloudposse/terraform-aws-rds-cluster 283).
            raise Refused(
                "InvalidParameterCombination",
                f"RDS instance {db_instance_identifier} is associated with the following "
                f"AwsBackupRecoveryPointArn: {recovery_point}. NoDeleteAutomatedBackups must be specified. "
                "For more details, see the AWS Backup documentation.",
            )
        # moto deletes at once. So all checks come before, and afterwards we put the instance back.
        super().delete_db_instance(
            db_instance_identifier,
            final_db_snapshot_identifier,
            skip_final_snapshot,
            delete_automated_backups,
        )
        self.databases[db_instance_identifier] = database

        def gone() -> None:
            ec2 = ec2_backends[self.account_id][self.region_name]
            with TURNS["ec2"]:
                for interface in database.interfaces:
                    ec2.enis.pop(interface, None)
            with TURNS["rds"]:
                if self.databases.get(db_instance_identifier) is database:
                    self.remove_server(database)
                    self.databases.pop(db_instance_identifier)

        self.later(_DELETION, gone)
        return database


def _creatable(values: dict[str, Any]) -> str:
    """Return the full version for a request. For a major version alone, RDS chooses the minor."""
    if values.get("engine") != ENGINE:
        raise Refused(
            "InvalidParameterValue", f"The local cloud does not emulate the engine {values.get('engine')}"
        )
    if values.get("db_cluster_identifier"):
        raise NotImplementedError("an instance of a DB cluster (DBClusterIdentifier)")
    version = values.get("engine_version") or MAJORS[-1]
    if version in MAJORS:
        return default_version(version)
    if not versions().get(version):
        raise Refused("InvalidParameterCombination", f"Cannot find version {version} for {ENGINE}")
    return str(version)
