"""The defaults of the engine's queues, who may send operations to them, and how Lambda polls them."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Aws, Duration, Names, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from product_template.acknowledgements import SERVERLESS, acknowledge

from ..permissions.launch_roles import SERVICE_CATALOG
from .function import TIMEOUT


class EngineQueue(sqs.Queue):
    """A queue that keeps its messages for 14 days, the most that SQS does.

    Args:
        scope: the construct it belongs to.
        construct_id: its id.
        key: encrypts its messages.
        name: only where Service Catalog prescribes one.
        dead_letter_queue: takes what could not be received.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        key: kms.IKey,
        name: str | None = None,
        dead_letter_queue: sqs.DeadLetterQueue | None = None,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            queue_name=name,
            dead_letter_queue=dead_letter_queue,
            encryption_master_key=key,
            enforce_ssl=True,
            # Six times the consumer's timeout (Lambda Developer Guide, "Using Lambda with Amazon SQS").
            visibility_timeout=Duration.seconds(6 * TIMEOUT.to_seconds()),
            retention_period=Duration.days(14),
            removal_policy=RemovalPolicy.DESTROY,
        )

    def let_service_catalog_send(self, accounts: Sequence[str]) -> None:
        """Let Service Catalog send the operations of these accounts."""
        self.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal(SERVICE_CATALOG)],
                actions=["sqs:SendMessage"],
                resources=[self.queue_arn],
                conditions={"StringEquals": {"aws:SourceAccount": accounts}},
            )
        )

    def refuse_own_principals(self) -> None:
        """Deny sending to every principal of the queue's own account, administrators included.

        Whoever can send a message can change any product. Service Catalog is no principal of this account:
        the one message that was ever captured came from a role session of the service itself.
        """
        self.add_to_resource_policy(
            iam.PolicyStatement(
                effect=iam.Effect.DENY,
                principals=[iam.AnyPrincipal()],
                actions=["sqs:SendMessage"],
                resources=[self.queue_arn],
                conditions={"StringEquals": {"aws:PrincipalAccount": Aws.ACCOUNT_ID}},
            )
        )

    def feed(self, function: lambda_.Function) -> None:
        """Let Lambda poll the queue for `function`, which returns the messages that it could not take."""
        # Two batches of ten messages at a time are hundreds of operations a minute; two is the lowest limit.
        # Without a limit, a burst uses up the account's concurrency, and Lambda throttles messages until they
        # are dead letters (Lambda Developer Guide, "Configuring maximum concurrency" for SQS).
        source = sources.SqsEventSource(self, report_batch_item_failures=True, max_concurrency=2)
        function.add_event_source(source)
        acknowledge(
            function.node.find_child(f"SqsEventSource:{Names.node_unique_id(self.node)}"),
            "LambdaEventSourceMappingDestination",
            SERVERLESS,
            because="R24: Lambda takes a destination for streams only; queues have their redrive policy.",
        )
