"""What a team needs to connect to the database and to operate it."""

from __future__ import annotations

import aws_cdk as cdk
from constructs import Construct

from product_template.backups import Backups
from product_template.database import MASTER_USERNAME, Database
from product_template.encryption import Encryption, arn
from product_template.monitoring import Monitoring
from product_template.network import Network
from product_template.parameters import Parameters


class Outputs(Construct):
    """The stack's outputs, under names that stay the same from version to version."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        parameters: Parameters,
        network: Network,
        encryption: Encryption,
        database: Database,
        backups: Backups,
        monitoring: Monitoring,
    ) -> None:
        super().__init__(scope, construct_id)
        instance = database.instance
        endpoint, port = instance.attr_endpoint_address, instance.attr_endpoint_port
        self._add("DatabaseEndpoint", "Host name; it stays the same after a failover", endpoint)
        self._add("DatabasePort", "Port", port)
        self._add("DatabaseName", "Name of the first database", parameters.database_name)
        self._add("DatabaseIdentifier", "Name of the DB instance in RDS", instance.ref)
        self._add(
            "MasterSecretArn",
            "Secret with the user name and the password, which RDS rotates",
            instance.attr_master_user_secret_secret_arn,
        )
        self._add(
            "PsqlCommand",
            "Connects from a member of ClientSecurityGroupId and asks for the password in MasterSecretArn. "
            "Needs https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem in the current folder",
            f'psql "host={endpoint} port={port} dbname={parameters.database_name} user={MASTER_USERNAME} '
            'sslmode=verify-full sslrootcert=global-bundle.pem"',
        )
        self._add(
            "ClientSecurityGroupId",
            "Attach this security group to whatever connects to the database; nothing else gets in",
            network.clients.security_group_id,
        )
        self._add("VpcId", "The network", network.vpc.vpc_id)
        self._add(
            "PrivateSubnetIds",
            "Its two private subnets, one in each zone, separated by a comma; clients run there",
            cdk.Fn.join(",", [subnet.subnet_id for subnet in network.vpc.private_subnets]),
        )
        self._add(
            "AlertTopicArn", "Topic that alarms and database events are sent to", monitoring.topic.topic_arn
        )
        self._add(
            "OpsEmails",
            "Addresses that the launch subscribes to AlertTopicArn; each has to confirm",
            cdk.Fn.join(",", parameters.ops_emails),
        )
        self._add("DashboardName", "CloudWatch dashboard to open first", monitoring.dashboard_name)
        self._add(
            "DatabaseUserArns",
            "Resource for rds-db:connect in the IAM policy of who logs in with IAM; write the database "
            "user for *",
            arn("rds-db", f"dbuser:{instance.attr_dbi_resource_id}/*"),
        )
        self._add("BackupBucketName", "Bucket for backups", backups.bucket.bucket_name)
        self._add("EncryptionKeyArn", "Key that encrypts all of this", encryption.key.key_arn)

    def _add(self, name: str, description: str, value: str) -> None:
        output = cdk.CfnOutput(self, name, value=value, description=description)
        output.override_logical_id(name)  # the path would begin with Outputs
