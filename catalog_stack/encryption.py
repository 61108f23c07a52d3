"""The KMS key of the catalog. It encrypts queues, logs, the state machine and alarms."""

from __future__ import annotations

from aws_cdk import ArnFormat, Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from .permissions.launch_roles import SERVICE_CATALOG


class CatalogKey(kms.Key):
    """A customer-managed key. Its policy admits only the AWS services that write to what it encrypts."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(
            scope,
            construct_id,
            description="Queues, logs, state machine and alarms of the TapStack engine",
            enable_key_rotation=True,
            pending_window=Duration.days(7),
            removal_policy=RemovalPolicy.DESTROY,
        )
        stack = Stack.of(self)
        # No condition, as in the Administrator Guide, "Confused deputy prevention": Service Catalog sends
        # aws:SourceAccount to the queue, whose policy has the condition. Nothing says so about the key.
        self._let_in(
            SERVICE_CATALOG,
            ["kms:DescribeKey", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:GenerateDataKey"],
        )
        every_log_group = stack.format_arn(
            service="logs", resource="log-group", resource_name="*", arn_format=ArnFormat.COLON_RESOURCE_NAME
        )
        self._let_in(
            f"logs.{stack.region}.amazonaws.com",
            [
                "kms:DescribeKey",
                "kms:Encrypt",
                "kms:Decrypt",
                "kms:ReEncryptFrom",
                "kms:ReEncryptTo",
                "kms:GenerateDataKey",
            ],
            {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": every_log_group}},
        )
        # EventBridge sends undeliverable events to a queue; CloudWatch publishes alarms to a topic.
        for service in ("events", "cloudwatch"):
            self._let_in(
                f"{service}.amazonaws.com",
                ["kms:Decrypt", "kms:GenerateDataKey"],
                {"StringEquals": {"aws:SourceAccount": stack.account}},
            )

    def _let_in(self, service: str, actions: list[str], conditions: dict[str, object] | None = None) -> None:
        self.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal(service)],
                actions=actions,
                resources=["*"],
                conditions=conditions,
            )
        )
