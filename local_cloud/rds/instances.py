"""DB instances: creation and deletion in time, and network interfaces.

Sources: the RDS API reference (CreateDBInstance, DeleteDBInstance) and the user guide's "Viewing
Amazon RDS DB instance status".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.ec2.models import ec2_backends
from moto.ec2.models.subnets import Subnet
from moto.rds.exceptions import DBInstanceAlreadyExists

from ..moto_seam import TURNS
from ..quotas import models as quotas
from . import credentials
from .exceptions import Refused
from .groups import GroupBackend
from .offers import ENGINE, MAJORS, check_class, default_version, versions
from .resources import DBInstance
from .server_logs import LogBackend
from .snapshots import SnapshotBackend

_CREATION, _CREATION_MULTI_AZ, _DELETION = 420, 900, 300  # AWS seconds; usual values


class InstanceBackend(GroupBackend, LogBackend, SnapshotBackend):
    """RDS's instances."""

    def create_db_instance(self, db_kwargs: dict[str, Any]) -> DBInstance:
        """Begin to create an instance. It is available after some minutes."""
        values = dict(db_kwargs.items())
        values["engine_version"] = _creatable(values)

        def created(database: DBInstance) -> None:
            self.create_server(database)
            if self.has_status(database, "creating"):
                self.record(database, "RDS-EVENT-0005")

        credentials.check(values, managed=False)
        return self.begin_creation(values, created)

    def begin_creation(self, values: dict[str, Any], serve: Callable[[DBInstance], object]) -> DBInstance:
        """Begin to create an instance of checked version.

        Args:
            values: of the request, or of what is restored.
            serve: gives the instance its server.
        """
        version = values["engine_version"]
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

        def created() -> None:
            self.create_log_groups(database)
            serve(database)
            if database.manage_master_user_password:
                database.master_user_secret.secret_status = "active"
            if database.status == "creating":
                self.begin_backups(database)

        self.pass_through(
            database, "creating", _CREATION_MULTI_AZ if database.multi_az else _CREATION, created
        )
        return database

    def _create_interfaces(self, database: DBInstance) -> None:
        """Give an instance Availability Zones, and network interfaces that use its subnets and groups."""
        zones = sorted(_subnets(database))[: 2 if database.multi_az else 1]
        if not zones:
            return
        if database.multi_az:
            self.check_zones(database)
        database.interfaces = [self._create_interface(database, zone) for zone in zones]
        database.availability_zone = zones[0]
        database.secondary_availability_zone = zones[1] if zones[1:] else None

    def check_zones(self, database: DBInstance) -> None:
        """Raise Refused unless the instance's subnets are in as many zones as Multi-AZ needs."""
        if len(_subnets(database)) == 1:
            raise Refused(
                "DBSubnetGroupDoesNotCoverEnoughAZs",
                "A Multi-AZ instance needs subnets in two availability zones.",
            )

    def _create_interface(self, database: DBInstance, zone: str) -> str:
        ec2 = ec2_backends[self.account_id][self.region_name]
        with TURNS["ec2"]:
            interface = ec2.create_network_interface(
                _subnets(database)[zone],
                [],
                group_ids=list(database.vpc_security_group_ids),
                description="RDSNetworkInterface",
            )
        return str(interface.id)

    def _delete_interfaces(self, interfaces: list[str]) -> None:
        with TURNS["ec2"]:
            for interface in interfaces:
                ec2_backends[self.account_id][self.region_name].enis.pop(interface, None)

    def match_standby(self, database: DBInstance) -> None:
        """Create or delete the standby, as the instance's `multi_az` says."""
        others = sorted(_subnets(database).keys() - {database.availability_zone})
        if database.multi_az and others and not database.secondary_availability_zone:
            database.interfaces.append(self._create_interface(database, others[0]))
            database.secondary_availability_zone = others[0]
        if not database.multi_az and database.secondary_availability_zone:
            # Which interface is in which zone matters to nobody.
            self._delete_interfaces([database.interfaces.pop()])
            database.secondary_availability_zone = None

    def delete_db_instance(
        self,
        db_instance_identifier: str,
        final_db_snapshot_identifier: str | None = None,
        skip_final_snapshot: bool | None = False,
        delete_automated_backups: bool | None = True,
    ) -> DBInstance:
        """Begin to delete an instance. It is gone after some minutes.

        RDS asks for a word about the final snapshot (the words: terraform-provider-aws, issue 33539).
        """
        database = self.instance(db_instance_identifier)
        if database.status == "deleting":
            raise Refused(
                "InvalidDBInstanceState", f"Instance {db_instance_identifier} is already being deleted."
            )
        if not (skip_final_snapshot or final_db_snapshot_identifier):
            raise Refused(
                "InvalidParameterCombination",
                "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.",
            )
        if skip_final_snapshot and final_db_snapshot_identifier:  # words: crossplane provider-aws, issue 1423
            raise Refused(
                "InvalidParameterCombination",
                "You cannot specify both FinalDBSnapshotIdentifier and SkipFinalSnapshot",
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
            self._delete_interfaces(database.interfaces)
            with TURNS["rds"]:
                if self.databases.get(db_instance_identifier) is database:
                    self.remove_server(database)
                    self.databases.pop(db_instance_identifier)
                    self.record(database, "RDS-EVENT-0003")

        self.later(_DELETION, gone, database)
        return database


def _subnets(database: DBInstance) -> dict[str, Subnet]:
    """Return a subnet of the instance's group for each zone; none without a group."""
    group = getattr(database, "db_subnet_group", None)
    return {subnet.availability_zone: subnet for subnet in group._subnets} if group else {}


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
