"""The customer-managed key for everything the stack keeps."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from product_template.acknowledgements import NIST, PCI, SOLUTIONS, acknowledge
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
        for rule, packs in (("KMS5", (SOLUTIONS,)), ("KMSBackingKeyRotationEnabled", (PCI, NIST))):
            acknowledge(
                self.key, rule, *packs, because="R22 asks for key rotation off while the product is tested."
            )

    def allow_publishing(self, service: str, when: dict[str, Any]) -> None:
        """Let `service` publish to a topic that this key encrypts, under the condition `when`.

        Without it SNS drops the message and nobody notices (SNS Developer Guide, "Key management").
        """
        self.key.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal(service)],
                actions=["kms:Decrypt", "kms:GenerateDataKey*"],
                resources=["*"],
                conditions=when,
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
                    "ArnEquals": {"kms:EncryptionContext:aws:logs:arn": arn("logs", f"log-group:{name}")}
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


def arn(service: str, resource: str) -> str:
    """Return the ARN of one of this account's resources, for policies that come before the resource."""
    return f"arn:{cdk.Aws.PARTITION}:{service}:{cdk.Aws.REGION}:{cdk.Aws.ACCOUNT_ID}:{resource}"


def on_behalf_of(*source_arns: str) -> dict[str, dict[str, Any]]:
    """Return the condition that lets a service act only for these resources, and of this account only."""
    return {
        "ArnLike": {"aws:SourceArn": source_arns[0] if len(source_arns) == 1 else list(source_arns)},
        "StringEquals": {"aws:SourceAccount": cdk.Aws.ACCOUNT_ID},
    }
