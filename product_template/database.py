"""The PostgreSQL database."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_rds as rds
from constructs import Construct

from product_template.encryption import Encryption
from product_template.naming import Naming
from product_template.network import POSTGRESQL_PORT, Network
from product_template.parameters import Parameters

FAMILY = "postgres14"
MASTER_USERNAME = "dbadmin"
LOGS = ["postgresql", "upgrade"]


class Database(Construct):
    """A Multi-AZ RDS instance whose every input is written out: nearly all of them are decided at launch.

    Attributes:
        instance: the DB instance.
        identifier: its identifier, which the stack knows before the instance exists.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        parameters: Parameters,
        naming: Naming,
        network: Network,
        encryption: Encryption,
    ) -> None:
        super().__init__(scope, construct_id)
        self.identifier = naming.of("database")
        self.instance = self._instance(parameters, network, encryption, naming)
        # On deletion the instance goes first, or RDS would write on and create its log groups anew.
        for log in LOGS:
            self.instance.node.add_dependency(
                encryption.log_group(self, f"{log.title()}Log", f"/aws/rds/instance/{self.identifier}/{log}")
            )

    def _instance(
        self, parameters: Parameters, network: Network, encryption: Encryption, naming: Naming
    ) -> rds.CfnDBInstance:
        instance = rds.CfnDBInstance(
            self,
            "Instance",
            db_instance_identifier=self.identifier,
            db_name=parameters.database_name,
            engine="postgres",
            # RDS chooses a minor that it still creates; a pinned one would be withdrawn some day.
            engine_version="14",
            auto_minor_version_upgrade=True,
            # From March 2027 on RDS creates PostgreSQL 14 only with this, and bills it by the vCPU-hour.
            engine_lifecycle_support="open-source-rds-extended-support",
            db_parameter_group_name=self._parameter_group(naming).ref,
            db_instance_class=parameters.instance_class,
            multi_az=True,
            storage_type="gp3",
            allocated_storage=parameters.allocated_storage,
            max_allocated_storage=cdk.Token.as_number(parameters.max_allocated_storage),
            storage_encrypted=True,
            kms_key_id=encryption.key.key_arn,
            db_subnet_group_name=self._subnet_group(network, naming).ref,
            vpc_security_groups=[network.database.security_group_id],
            port=str(POSTGRESQL_PORT),
            publicly_accessible=False,
            ca_certificate_identifier="rds-ca-rsa2048-g1",
            master_username=MASTER_USERNAME,
            manage_master_user_password=True,
            master_user_secret=rds.CfnDBInstance.MasterUserSecretProperty(kms_key_id=encryption.key.key_arn),
            backup_retention_period=cdk.Token.as_number(parameters.backup_retention_days),
            preferred_backup_window="06:00-07:00",
            preferred_maintenance_window="sun:07:30-sun:08:30",
            copy_tags_to_snapshot=True,
            enable_performance_insights=True,
            performance_insights_kms_key_id=encryption.key.key_arn,
            performance_insights_retention_period=7,
            enable_cloudwatch_logs_exports=LOGS,
            deletion_protection=False,
            delete_automated_backups=True,
        )
        instance.add_metadata(
            "cfn-lint",
            {
                "config": {"ignore_checks": ["W3691"]},
                "reason": "W3691 warns of the age of PostgreSQL 14, which is the version asked for. "
                "Without a minor it can be launched when every minor known today has been withdrawn.",
            },
        )
        return instance

    def _subnet_group(self, network: Network, naming: Naming) -> rds.CfnDBSubnetGroup:
        return rds.CfnDBSubnetGroup(
            self,
            "SubnetGroup",
            db_subnet_group_name=naming.of("subnet-group"),
            db_subnet_group_description="Private subnets of two availability zones",
            subnet_ids=[subnet.subnet_id for subnet in network.vpc.private_subnets],
        )

    def _parameter_group(self, naming: Naming) -> rds.CfnDBParameterGroup:
        return rds.CfnDBParameterGroup(
            self,
            "ParameterGroup",
            # The family is in the name because a major upgrade needs the old and the new group side by side.
            db_parameter_group_name=naming.of(f"parameter-group-{FAMILY}"),
            family=FAMILY,
            description="Refuses connections without TLS",
            # Up to PostgreSQL 14, RDS accepts connections without TLS unless it is told not to.
            parameters={"rds.force_ssl": "1", "ssl_min_protocol_version": "TLSv1.2"},
        )
