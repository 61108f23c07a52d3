"""The customer-managed key for all data of the stack."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from product_template.acknowledgements import NIST, PCI, SOLUTIONS, acknowledge
from product_template.launch_account import EXECUTION_ROLE, LAUNCH_ROLE
from product_template.naming import Naming


class Encryption(Construct):
    """One key for storage, backups, secret, metrics, logs, bucket and alerts.

    The key policy lets in the roles that work on the stack. IAM policies could do so only for every key of
    the account, because key ids are random, or for keys with a certain tag. A tag takes effect minutes after
    it was given ("ABAC for AWS KMS", KMS Developer Guide). That is too late for the check that CreateKey
    makes of its caller, and for the rollback of a launch. Whoever can tag a key could use that key, too.

    Attributes:
        key: the key. Its account may grant everything else by IAM policies.
    """

    def __init__(self, scope: Construct, construct_id: str, *, naming: Naming) -> None:
        super().__init__(scope, construct_id)
        self.key = kms.Key(
            self,
            "Key",
            alias=naming.of("alias/key"),
            description="Encrypts the database and everything around it",
            enable_key_rotation=False,  # R22 asks for this and for the key's deletion during tests
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
        # RDS and Secrets Manager use the key on behalf of whoever creates the database, and a key policy can
        # allow it (RDS User Guide, "AWS KMS key management"; Secrets Manager User Guide, "Secret encryption
        # and decryption").
        self._let_in(
            EXECUTION_ROLE, "CreateGrant Decrypt Encrypt GenerateDataKey", by_way_of=("rds", "secretsmanager")
        )
        # Whoever publishes to an encrypted topic needs both (SNS Developer Guide, "Key management").
        self._let_in(LAUNCH_ROLE, "Decrypt GenerateDataKey", by_way_of=("sns",))
        # Service Catalog tags what a launch made.
        self._let_in(LAUNCH_ROLE, "TagResource UntagResource")

    def _let_in(self, role: str, actions: str, by_way_of: Sequence[str] = ()) -> None:
        """Let a role of the account use the key; with `by_way_of`, only through these services.

        A condition names the role, because KMS refuses a policy whose principal does not exist, and an
        account without the catalog has no such role. Whoever can create a role of that name there is let in,
        too. The principal is everybody: if it were the account, IAM policies would decide.
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

        Without this, SNS drops the messages and nobody notices (SNS Developer Guide, "Key management").
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
        """Make a log group that this key encrypts, with 30 days' retention, and that goes with the stack.

        `name` is the one that an AWS service writes to. If the stack did not own the group, the service would
        create one that nobody deletes.
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
    """Return an ARN in this account and region, for policies that come before the resource."""
    return f"arn:{cdk.Aws.PARTITION}:{service}:{cdk.Aws.REGION}:{cdk.Aws.ACCOUNT_ID}:{resource}"


def on_behalf_of(*source_arns: str) -> dict[str, dict[str, Any]]:
    """Return the condition that lets a service act only for these resources of this account."""
    return {
        "ArnLike": {"aws:SourceArn": source_arns[0] if len(source_arns) == 1 else list(source_arns)},
        "StringEquals": {"aws:SourceAccount": cdk.Aws.ACCOUNT_ID},
    }
