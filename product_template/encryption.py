"""The customer-managed key for everything the stack keeps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from product_template.account_roles import EXECUTION_ROLE, LAUNCH_ROLE
from product_template.acknowledgements import NIST, PCI, SOLUTIONS, acknowledge
from product_template.naming import Naming


class Encryption(Construct):
    """One key for storage, backups, secret, metrics, logs, bucket and alerts.

    The key's policy lets in the roles that work on the stack. Ids of keys are random, so IAM could only name
    every key of the account, or those with a certain tag. A tag counts minutes after it was given ("ABAC for
    AWS KMS", KMS Developer Guide). That is too late for the check that CreateKey makes of its caller, and for
    undoing a launch at once. Whoever can tag another key would open that key, too.

    Attributes:
        key: the key. Its owner account may grant everything else by IAM.
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

        self._let_in(
            EXECUTION_ROLE,
            """
                CreateAlias DeleteAlias DescribeKey DisableKey DisableKeyRotation EnableKey EnableKeyRotation
                GetKeyPolicy GetKeyRotationStatus ListResourceTags PutKeyPolicy ScheduleKeyDeletion
                TagResource UntagResource UpdateAlias UpdateKeyDescription
            """,
        )
        # RDS and Secrets Manager use the key in the name of who creates the database, and a key policy may
        # allow it (RDS User Guide, "AWS KMS key management"; Secrets Manager User Guide, "Secret encryption
        # and decryption").
        self._let_in(
            EXECUTION_ROLE, "CreateGrant Decrypt Encrypt GenerateDataKey", by_way_of=("rds", "secretsmanager")
        )
        # SNS Developer Guide, "Key management": who publishes to an encrypted topic needs both.
        self._let_in(LAUNCH_ROLE, "Decrypt GenerateDataKey", by_way_of=("sns",))
        # Service Catalog tags what a launch made.
        self._let_in(LAUNCH_ROLE, "TagResource UntagResource")

    def _let_in(self, role: str, actions: str, by_way_of: Sequence[str] = ()) -> None:
        """Let a role of the account use the key, alone or only by way of services.

        A condition names the role: KMS refuses a policy whose principal does not exist, and an account where
        the stack was deployed without the catalog has no such role. Whoever may create a role of that name
        there is let in, too. With the account as the principal, in place of everybody, the decision would be
        IAM's.
        """
        conditions: dict[str, dict[str, Any]] = {
            "ArnEquals": {
                "aws:PrincipalArn": f"arn:{cdk.Aws.PARTITION}:iam::{cdk.Aws.ACCOUNT_ID}:role/{role}"
            }
        }
        if by_way_of:
            services = [f"{service}.{cdk.Aws.REGION}.amazonaws.com" for service in by_way_of]
            conditions["StringEquals"] = {"kms:ViaService": services}
        self.key.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.AnyPrincipal()],
                actions=[f"kms:{action}" for action in actions.split()],
                resources=["*"],
                conditions=conditions,
            )
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
