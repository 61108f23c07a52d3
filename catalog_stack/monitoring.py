"""Alarms that tell the platform team when the engine itself is in trouble."""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from product_template.acknowledgements import SERVERLESS, acknowledge

from .engine import Engine


class Monitoring(Construct):
    """Alarms on what never happens while the engine works. A failed launch that was answered is not such.

    Args:
        scope: the stack.
        construct_id: its id.
        engine: what is watched.
        key: encrypts the topic.
        email: who is told; nobody until set.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, engine: Engine, key: kms.IKey, email: str | None
    ) -> None:
        super().__init__(scope, construct_id)
        self._topic = sns.Topic(self, "Topic", master_key=key, enforce_ssl=True)
        self._topic.apply_removal_policy(RemovalPolicy.DESTROY)
        self._topic.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[self._topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}},
            )
        )
        if email:
            subscription = self._topic.add_subscription(subscriptions.EmailSubscription(email))
            acknowledge(
                subscription,
                "SNSRedrivePolicy",
                SERVERLESS,
                because="R15: alarms have to arrive; a queue for those that do not would need an alarm "
                "of its own, to the same address.",
            )

        period = Duration.minutes(5)
        self._alarm(
            "ExecutionFailed",
            "An execution failed before it could answer",
            engine.machine.metric_failed(period=period),
        )
        self._alarm(
            "ExecutionTimedOut",
            "An execution took longer than the state machine waits",
            engine.machine.metric_timed_out(period=period),
        )
        self._alarm(
            "OperationNotStarted",
            "An operation could not be started, and its failure has not been reported for 15 minutes",
            # A message is visible only between two tries.
            cloudwatch.MathExpression(
                expression="waiting + tried",
                using_metrics={
                    "waiting": engine.dead_letters.metric_approximate_number_of_messages_visible(),
                    "tried": engine.dead_letters.metric_approximate_number_of_messages_not_visible(),
                },
                period=period,
            ),
            periods=3,
        )
        self._alarm(
            "FailureUnreported",
            "Service Catalog could not be told of a failure; the product is stuck until a person does",
            engine.unreported.metric_approximate_number_of_messages_visible(period=period),
        )

    def _alarm(
        self, construct_id: str, description: str, metric: cloudwatch.IMetric, periods: int = 1
    ) -> None:
        alarm = cloudwatch.Alarm(
            self,
            construct_id,
            alarm_description=description,
            metric=metric,
            threshold=0,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            evaluation_periods=periods,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        alarm.add_alarm_action(actions.SnsAction(self._topic))
        alarm.add_ok_action(actions.SnsAction(self._topic))
