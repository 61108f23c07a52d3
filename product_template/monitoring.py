"""The topic for alarms and database events, the dashboard, and the alarms on logs, NAT gateways and exports.

`database_alarms` has the alarms on the database itself.
"""

from __future__ import annotations

from collections.abc import Iterator

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_rds as rds
from aws_cdk import aws_sns as sns
from constructs import Construct

from product_template.alarms import DAY, Alarm, Metric, add_alarm
from product_template.dashboard import add_dashboard
from product_template.database import Database
from product_template.database_alarms import database_alarms
from product_template.encryption import Encryption, arn, on_behalf_of
from product_template.exports import Exports
from product_template.instance_classes import ByInstanceClass
from product_template.naming import Naming
from product_template.network import Network
from product_template.parameters import Parameters

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
LOG_NAMESPACE = "TapStack"


class Monitoring(Construct):
    """An encrypted topic for alarms and RDS's events, the alarms, and a dashboard.

    Attributes:
        topic: the topic. The engine subscribes the ops emails to it.
        dashboard_name: the name of the dashboard.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        parameters: Parameters,
        by_class: ByInstanceClass,
        naming: Naming,
        encryption: Encryption,
        network: Network,
        database: Database,
        exports: Exports,
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
            "cloudwatch.amazonaws.com", arn("cloudwatch", f"alarm:{naming.of('*')}"), encryption=encryption
        )
        # AWS does not document which of the three RDS sends as aws:SourceArn.
        self._let_publish(
            "events.rds.amazonaws.com",
            arn("rds", f"db:{database.identifier}"),
            arn("rds", f"pg:{naming.of('parameter-group-*')}"),
            arn("rds", f"es:{naming.of('event-subscription*')}"),
            encryption=encryption,
        )
        self._events()
        ebs_bursts = cdk.CfnCondition(
            self, "EbsBursts", expression=cdk.Fn.condition_equals(by_class.text("EbsBursts"), "True")
        )
        alarms = [
            *database_alarms(
                database.instance.ref,
                by_class=by_class,
                allocated_gib=parameters.allocated_storage,
                ebs_bursts=ebs_bursts,
            ),
            *self._log_alarms(),
            *_network_alarms(network),
            *_export_alarms(exports),
        ]
        for alarm in alarms:
            add_alarm(self, alarm, naming=naming, topic_arn=self.topic.topic_arn)
        self.dashboard_name = add_dashboard(self, alarms, naming=naming)

    def _events(self) -> None:
        for construct_id, kind, source_type, source, categories in (
            ("Events", "event-subscription", "db-instance", self._database.instance.ref, EVENT_CATEGORIES),
            (
                "ParameterGroupEvents",
                "event-subscription-parameter-group",
                "db-parameter-group",
                self._database.parameter_group.ref,
                ["configuration change"],
            ),
        ):
            events = rds.CfnEventSubscription(
                self,
                construct_id,
                subscription_name=self._naming.of(kind),
                sns_topic_arn=self.topic.topic_arn,
                source_type=source_type,
                source_ids=[source],
                event_categories=categories,
            )
            # RDS tries the topic when it creates the subscription, so the topic's policy comes first.
            events.node.add_dependency(self.topic.node.find_child("Policy"))

    def _let_publish(self, service: str, *source_arns: str, encryption: Encryption) -> None:
        """Allow publishing in the key policy and in the topic policy; without either, messages get lost."""
        when = on_behalf_of(*source_arns)
        encryption.allow_publishing(service, when)
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal(service)],
                actions=["sns:Publish"],
                resources=[self.topic.topic_arn],
                conditions=when,
            )
        )

    def _log_alarms(self) -> Iterator[Alarm]:
        """Yield alarms on lines of the PostgreSQL log: no metric shows what they say."""
        for kind, pattern, says, why, limit in (
            (
                "connection-slots",
                # PostgreSQL writes the second when even the reserved slots are taken, as by a burst of
                # clients that are about to log in.
                '?"remaining connection slots are reserved" ?"too many clients already"',
                "The database has refused clients because all its connections are in use.",
                "The connections alarm may miss a peak between two samples; a refused client is never "
                "missed.",
                0,
            ),
            (
                "plaintext",
                '"no pg_hba.conf entry" "no encryption"',
                "Somebody has tried to connect without TLS and was refused.",
                "Payment data must not travel in the clear, and whoever tries is misconfigured or hostile.",
                0,
            ),
            (
                "authentication",
                '"authentication failed for user"',
                "More than ten logins have failed within five minutes.",
                "One is a typing error; ten are a broken deployment, a missed rotation or somebody guessing.",
                10,
            ),
            (
                "deadlock",
                '"deadlock detected"',
                "PostgreSQL has ended a transaction to resolve a deadlock.",
                "A deadlock is a defect in the application, and a payment that has to be made again.",
                0,
            ),
        ):
            name = self._naming.of(f"{kind}-lines")
            logs.CfnMetricFilter(
                self,
                f"{kind.title().replace('-', '')}Filter",
                filter_name=self._naming.of(f"{kind}-metric-filter"),
                log_group_name=self._database.log.log_group_name,
                filter_pattern=pattern,
                metric_transformations=[
                    logs.CfnMetricFilter.MetricTransformationProperty(
                        metric_namespace=LOG_NAMESPACE, metric_name=name, metric_value="1", default_value=0
                    )
                ],
            )
            yield Alarm(
                kind=kind,
                says=says,
                why=why,
                source="PostgreSQL's message in the log that RDS exports, in these words from 14 to 17",
                metric=Metric(namespace=LOG_NAMESPACE, name=name, dimensions={}),
                statistic="Sum",
                threshold=limit,
            )


def _network_alarms(network: Network) -> Iterator[Alarm]:
    for zone, gateway in enumerate(network.nat_gateway_ids, start=1):
        yield Alarm(
            kind=f"nat-{zone}",
            says=f"The NAT gateway of zone {zone} has had no port left for a new connection.",
            why="Clients of that zone cannot reach the internet, which looks like an outage of whom they "
            "call.",
            source="Amazon VPC User Guide, NAT gateway metrics: a value greater than zero is the problem",
            metric=Metric(
                namespace="AWS/NATGateway", name="ErrorPortAllocation", dimensions={"NatGatewayId": gateway}
            ),
            statistic="Sum",
            threshold=0,
        )


def _export_alarms(exports: Exports) -> Iterator[Alarm]:
    workflow = {"StateMachineArn": exports.workflow.state_machine_arn}
    for kind, name, says in (
        ("export", "ExecutionsFailed", "A snapshot was not exported to the backup bucket."),
        ("export-timeout", "ExecutionsTimedOut", "The export of a snapshot has taken more than a day."),
    ):
        yield Alarm(
            kind=kind,
            says=says,
            why="Without it the database's own backups are the only ones, and they go with the database.",
            source="Step Functions Developer Guide, Execution metrics; every failure counts",
            metric=Metric(namespace="AWS/States", name=name, dimensions=workflow),
            statistic="Sum",
            threshold=0,
        )
    yield Alarm(
        kind="export-start",
        says="EventBridge could not start the export of a snapshot.",
        why="An export that never started fails nowhere else.",
        source="EventBridge User Guide, Monitoring Amazon EventBridge: FailedInvocations",
        metric=Metric(
            namespace="AWS/Events", name="FailedInvocations", dimensions={"RuleName": exports.rule.ref}
        ),
        statistic="Sum",
        threshold=0,
    )
    yield Alarm(
        kind="export-heartbeat",
        says="No snapshot has been exported to the backup bucket for two days.",
        why="RDS takes a snapshot every day; whatever keeps it from the bucket, this is silent no longer.",
        source="One automated snapshot a day (RDS User Guide, Introduction to backups), and one day's grace",
        metric=Metric(namespace="AWS/States", name="ExecutionsSucceeded", dimensions=workflow),
        statistic="Sum",
        fires="below",
        threshold=1,
        periods=2,
        seconds=DAY,
        silence_fires=True,
        warm_up_minutes=2880,
    )
