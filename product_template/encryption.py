"""The customer-managed key for everything the stack keeps."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from product_template.naming import Naming


class Encryption(Construct):
    """One key for storage, backups, secret, metrics, logs, bucket and alerts.

    Attributes:
        key: the key. Its owner account grants it by IAM; the services below it lets in itself.
    """

    def __init__(self, scope: Construct, construct_id: str, *, naming: Naming) -> None:
        super().__init__(scope, construct_id)
        self.key = kms.Key(
            self,
            "Key",
            alias=naming.of("alias/key"),
            description="Encrypts the database and everything around it",
            enable_key_rotation=False,  # asked for while the product is tested, as is the key's deletion
            pending_window=cdk.Duration.days(7),
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        naming.tag(self.key, "key")

    def allow_publishing(self, service: str, source_arn: str) -> None:
        """Let `service` publish to a topic that this key encrypts, on behalf of `source_arn` of this account.

        Without it SNS drops the message and nobody notices (SNS Developer Guide, "Key management").
        """
        self.key.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal(service)],
                actions=["kms:Decrypt", "kms:GenerateDataKey*"],
                resources=["*"],
                conditions=on_behalf_of(source_arn),
            )
        )

    def log_group(self, scope: Construct, construct_id: str, name: str) -> logs.LogGroup:
        """Make a log group that only this key reads, that forgets after a month and that goes with the stack.

        A service writes to the group of its own fixed name. Owning that group keeps the service from creating
        one that nobody deletes.
        """
        self.key.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal(f"logs.{cdk.Aws.REGION}.amazonaws.com")],
                actions=[
                    "kms:Encrypt",
                    "kms:Decrypt",
                    "kms:ReEncrypt*",
                    "kms:GenerateDataKey*",
                    "kms:DescribeKey",
                ],
                resources=["*"],
                # CloudWatch Logs User Guide, "Encrypt log data in CloudWatch Logs using AWS KMS"
                conditions={
                    "ArnEquals": {"kms:EncryptionContext:aws:logs:arn": arn(self, "logs", "log-group", name)}
                },
            )
        )
        return logs.LogGroup(
            scope,
            construct_id,
            log_group_name=name,
            encryption_key=self.key,
            retention=logs.RetentionDays.ONE_MONTH,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )


def arn(scope: Construct, service: str, resource: str, name: str) -> str:
    """Return the ARN of a resource by its name, for policies that come before the resource."""
    return cdk.Stack.of(scope).format_arn(
        service=service,
        resource=resource,
        resource_name=name,
        arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
    )


def on_behalf_of(source_arn: str) -> dict[str, dict[str, str]]:
    """Return the condition that keeps a service from acting here for another account's resource."""
    return {
        "ArnLike": {"aws:SourceArn": source_arn},
        "StringEquals": {"aws:SourceAccount": cdk.Aws.ACCOUNT_ID},
    }
