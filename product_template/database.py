"""The PostgreSQL database."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_rds as rds
from constructs import Construct

from product_template.acknowledgements import HIPAA, NIST, SOLUTIONS, acknowledge
from product_template.encryption import Encryption, arn, on_behalf_of
from product_template.instance_classes import ByInstanceClass
from product_template.naming import Naming
from product_template.network import POSTGRESQL_PORT, Network
from product_template.parameters import Parameters
from product_template.release_line import ReleaseLine
from product_template.roles import service_role

MASTER_USERNAME = "dbadmin"
LOGS = ["postgresql", "upgrade", "iam-db-auth-error"]


class Database(Construct):
    """A Multi-AZ DB instance. It is an L1 construct, because the launch decides most of its properties.

    Attributes:
        instance: the DB instance.
        identifier: its DBInstanceIdentifier, known before the instance exists.
        parameter_group: its DB parameter group.
        log: the log group of the PostgreSQL log.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        line: ReleaseLine,
        parameters: Parameters,
        by_class: ByInstanceClass,
        naming: Naming,
        network: Network,
        encryption: Encryption,
    ) -> None:
        super().__init__(scope, construct_id)
        self.identifier = naming.of("database")
        self.parameter_group = self._parameter_group(line, naming, by_class)
        self.instance = self._instance(line, parameters, network, encryption, naming)
        groups = {
            log: encryption.log_group(
                self, f"{log.title().replace('-', '')}Log", f"/aws/rds/instance/{self.identifier}/{log}"
            )
            for log in LOGS
        }
        self.log = groups["postgresql"]
        # On deletion the instance goes first: otherwise RDS writes on and creates its log groups again.
        self.instance.node.add_dependency(*groups.values())

    def _instance(
        self,
        line: ReleaseLine,
        parameters: Parameters,
        network: Network,
        encryption: Encryption,
        naming: Naming,
    ) -> rds.CfnDBInstance:
        instance = rds.CfnDBInstance(
            self,
            "Instance",
            db_instance_identifier=self.identifier,
            db_name=parameters.database_name,
            engine="postgres",
            # Only the major version, so that RDS chooses a minor: it stops offering each minor after a while.
            engine_version=line.postgresql,
            allow_major_version_upgrade=self._major_version_upgrade(line, parameters),
            auto_minor_version_upgrade=True,
            engine_lifecycle_support=parameters.engine_lifecycle_support,
            db_parameter_group_name=self.parameter_group.ref,
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
            # RDS rotates it every seven days. The schedule is in Secrets Manager, not in this template.
            manage_master_user_password=True,
            master_user_secret=rds.CfnDBInstance.MasterUserSecretProperty(kms_key_id=encryption.key.key_arn),
            enable_iam_database_authentication=True,
            backup_retention_period=cdk.Token.as_number(parameters.backup_retention_days),
            preferred_backup_window="06:00-07:00",
            preferred_maintenance_window="sun:07:30-sun:08:30",
            copy_tags_to_snapshot=True,
            monitoring_interval=60,
            monitoring_role_arn=self._monitoring_role(naming).role_arn,
            database_insights_mode="standard",
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
                "reason": "W3691 knows minor versions only. Without one, a version of the product can be "
                "launched when every minor known today has been withdrawn.",
            },
        )
        _acknowledge(instance)
        return instance

    def _major_version_upgrade(self, line: ReleaseLine, parameters: Parameters) -> cdk.IResolvable | None:
        """Return AllowMajorVersionUpgrade; None in a release line that upgrades no other."""
        if parameters.major_version_upgrade is None:
            return None
        consent = cdk.CfnCondition(
            self,
            "MajorVersionUpgradeAllowed",
            expression=cdk.Fn.condition_equals(parameters.major_version_upgrade, line.postgresql),
        )
        return cdk.Fn.condition_if(consent.logical_id, True, False)

    def _subnet_group(self, network: Network, naming: Naming) -> rds.CfnDBSubnetGroup:
        return rds.CfnDBSubnetGroup(
            self,
            "SubnetGroup",
            db_subnet_group_name=naming.of("subnet-group"),
            db_subnet_group_description="Private subnets of two availability zones",
            subnet_ids=[subnet.subnet_id for subnet in network.vpc.private_subnets],
        )

    def _monitoring_role(self, naming: Naming) -> iam.Role:
        """Make the role for Enhanced Monitoring: AmazonRDSEnhancedMonitoringRole, but for one log group.

        All databases of the account share RDSOSMetrics, so no stack can own it and RDS may create it.
        """
        group = arn("logs", "log-group:RDSOSMetrics")
        return service_role(
            self,
            "MonitoringRole",
            naming=naming,
            kind="monitoring",
            service="monitoring.rds.amazonaws.com",
            when=on_behalf_of(arn("rds", f"db:{self.identifier}")),
            statements=[
                iam.PolicyStatement(
                    actions=["logs:CreateLogGroup", "logs:PutRetentionPolicy"], resources=[f"{group}*"]
                ),
                iam.PolicyStatement(
                    actions=[
                        "logs:CreateLogStream",
                        "logs:DescribeLogStreams",
                        "logs:GetLogEvents",
                        "logs:PutLogEvents",
                    ],
                    resources=[f"{group}:log-stream:*"],
                ),
            ],
            wildcards={
                f"Resource::{group}*": "R14: IAM checks CreateLogGroup on log-group:NAME in some requests, "
                "on log-group:NAME:log-stream: in others; AWS's own policy has log-group:RDS*.",
                f"Resource::{group}:log-stream:*": "R14: RDS names the streams after an id of its own.",
            },
        )

    def _parameter_group(
        self, line: ReleaseLine, naming: Naming, by_class: ByInstanceClass
    ) -> rds.CfnDBParameterGroup:
        return rds.CfnDBParameterGroup(
            self,
            "ParameterGroup",
            # The name has the family, because a major upgrade needs the old group beside the new one.
            db_parameter_group_name=naming.of(f"parameter-group-{line.family}"),
            family=line.family,
            # Never change it: a new description replaces the group, and the group's name is taken.
            description="Refuses connections without TLS",
            parameters={
                # Up to PostgreSQL 14, RDS accepts connections without TLS by default.
                "rds.force_ssl": "1",
                "ssl_min_protocol_version": "TLSv1.2",
                # Static: a change takes effect after a reboot, which CloudFormation does when it also changes
                # the instance, as for another class.
                "max_connections": by_class.text("MaxConnections"),
                "log_connections": "1",
                "log_disconnections": "1",
            },
        )


def _acknowledge(instance: rds.CfnDBInstance) -> None:
    protection = "R22 asks for no deletion protection, so that a stack can be deleted without a step by hand."
    acknowledge(instance, "RDS10", SOLUTIONS, because=protection)
    acknowledge(instance, "RDSInstanceDeletionProtectionEnabled", NIST, HIPAA, because=protection)
    acknowledge(
        instance,
        "RDSInBackupPlan",
        NIST,
        HIPAA,
        because="R22: a vault with recovery points cannot be deleted. RDS's own backups satisfy R12, and "
        "every snapshot is exported to the backup bucket.",
    )
    retention = (
        "R12: the rule cannot read a parameter; BackupRetentionDays is at least 1 and 7 unless chosen."
    )
    acknowledge(instance, "RDS13", SOLUTIONS, because=retention)
    acknowledge(instance, "RDSInstanceBackupEnabled", NIST, HIPAA, because=retention)
    acknowledge(
        instance,
        "RDS11",
        SOLUTIONS,
        because="R5: another port would break every client at the update. On any port, R20 keeps out whoever "
        "is not in the client security group.",
    )
