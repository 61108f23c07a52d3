"""Who is told when something is wrong with the database, and when that is."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_rds as rds
from aws_cdk import aws_sns as sns
from constructs import Construct

from product_template.database import Database
from product_template.encryption import Encryption, arn, on_behalf_of
from product_template.naming import Naming
from product_template.parameters import MEMORY_GIB, Parameters

# All but "backup", which reports every day that all is well.
EVENT_CATEGORIES = [
    "availability",
    "configuration change",
    "deletion",
    "failover",
    "failure",
    "low storage",
    "maintenance",
    "notification",
    "recovery",
    "restoration",
    "security patching",
]


class Monitoring(Construct):
    """An encrypted topic that the database's alarms and events reach.

    Attributes:
        topic: the topic. The ops emails are subscribed to it after the launch.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        parameters: Parameters,
        naming: Naming,
        encryption: Encryption,
        database: Database,
    ) -> None:
        super().__init__(scope, construct_id)
        self._naming = naming
        self._database = database
        self.topic = sns.Topic(
            self,
            "Topic",
            topic_name=naming.of("alert-topic"),
            master_key=encryption.key,
            enforce_ssl=True,
        )
        self._let_publish(
            "cloudwatch.amazonaws.com", arn(self, "cloudwatch", "alarm", naming.of("*")), encryption
        )
        self._let_publish("events.rds.amazonaws.com", arn(self, "rds", "db", database.identifier), encryption)
        self._alarms(parameters)
        self._events()

    def _alarms(self, parameters: Parameters) -> None:
        self._alarm(
            "CpuAlarm",
            "cpu-alarm",
            "The database has used more than 80 percent of its CPU for five minutes.",
            metric="CPUUtilization",
            statistic="Average",
            threshold=80,
            minutes=5,
        )
        self._alarm(
            "ConnectionsAlarm",
            "connections-alarm",
            "More than three quarters of the database's connections have been in use for three minutes.",
            metric="DatabaseConnections",
            statistic="Maximum",
            threshold=self._three_quarters_of_connections(parameters.instance_class),
            minutes=3,
        )

    def _events(self) -> None:
        events = rds.CfnEventSubscription(
            self,
            "Events",
            subscription_name=self._naming.of("event-subscription"),
            sns_topic_arn=self.topic.topic_arn,
            source_type="db-instance",
            source_ids=[self._database.instance.ref],
            event_categories=EVENT_CATEGORIES,
        )
        # RDS tries the topic when it creates the subscription.
        events.node.add_dependency(self.topic.node.find_child("Policy"))

    def _let_publish(self, service: str, source_arn: str, encryption: Encryption) -> None:
        """Open both doors: one alone loses the message at the other, and nobody notices."""
        encryption.allow_publishing(service, source_arn)
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal(service)],
                actions=["sns:Publish"],
                resources=[self.topic.topic_arn],
                conditions=on_behalf_of(source_arn),
            )
        )

    def _three_quarters_of_connections(self, instance_class: str) -> float:
        """Return 75 percent of the class's `max_connections`.

        RDS sets that to LEAST({DBInstanceClassMemory/9531392}, 5000) (RDS User Guide, "Maximum number of
        database connections"). It keeps some of the memory to itself, so the real limit is a little lower.
        """
        limits = cdk.CfnMapping(
            self,
            "ByInstanceClass",
            mapping={
                instance_class: {"ConnectionsAlarm": min(gib * 2**30 // 9531392, 5000) * 3 // 4}
                for instance_class, gib in MEMORY_GIB.items()
            },
        )
        return cdk.Token.as_number(limits.find_in_map(instance_class, "ConnectionsAlarm"))

    def _alarm(
        self,
        construct_id: str,
        kind: str,
        description: str,
        *,
        metric: str,
        statistic: str,
        threshold: float,
        minutes: int,
    ) -> None:
        alarm = cloudwatch.Alarm(
            self,
            construct_id,
            alarm_name=self._naming.of(kind),
            alarm_description=description,
            metric=cloudwatch.Metric(
                namespace="AWS/RDS",
                metric_name=metric,
                dimensions_map={"DBInstanceIdentifier": self._database.instance.ref},
                statistic=statistic,
                period=cdk.Duration.minutes(1),
            ),
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            threshold=threshold,
            evaluation_periods=minutes,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        alarm.add_alarm_action(actions.SnsAction(self.topic))
        alarm.add_ok_action(actions.SnsAction(self.topic))
