"""The customer-managed key for everything the stack keeps."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
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
            description=naming.of("key"),
            enable_key_rotation=False,  # the customer's default while testing; deleting the stack deletes the key
            pending_window=cdk.Duration.days(7),
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )

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

    def allow_logging(self, log_group_name: str) -> None:
        """Let CloudWatch Logs encrypt one log group (CloudWatch Logs User Guide, "Encrypt log data using KMS")."""
        self.key.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal(f"logs.{cdk.Aws.REGION}.amazonaws.com")],
                actions=["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"],
                resources=["*"],
                conditions={
                    "ArnEquals": {
                        "kms:EncryptionContext:aws:logs:arn": cdk.Stack.of(self).format_arn(
                            service="logs",
                            resource="log-group",
                            resource_name=log_group_name,
                            arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
                        )
                    }
                },
            )
        )


def on_behalf_of(source_arn: str) -> dict[str, dict[str, str]]:
    """Return the condition that keeps a service from acting here for another account's resource."""
    return {
        "ArnLike": {"aws:SourceArn": source_arn},
        "StringEquals": {"aws:SourceAccount": cdk.Aws.ACCOUNT_ID},
    }
