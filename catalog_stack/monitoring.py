"""The alarms of the engine, the topic that they go to, and the dashboard."""

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

from .dashboard import add_dashboard
from .engine.construct import CONFIRM, Engine
from .metrics import MINUTES, engine_metric, messages, total

RUNBOOK = "docs/runbook/engine.md"
SWEEPS = Duration.minutes(30)  # sweep runs twice in it
# No operation should take longer: a launch takes twenty minutes, a major upgrade an hour or more.
OLD = Duration.hours(3)
# Service Catalog, SQS and EventBridge invoke these. The state machine invokes all others, and waits for them.
CALLED_FROM_OUTSIDE = ("parse_parameters", "receive", "report", "sweep")


class CatalogMonitoring(Construct):
    """Alarms that fire only when the engine does not work. An answered failure of a launch fires none.

    The description of an alarm names its section in the runbook.

    Args:
        scope: the stack.
        construct_id: its id.
        engine: the engine that the alarms watch.
        key: encrypts the topic.
        email: the address that is subscribed to the topic; None subscribes nobody.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, engine: Engine, key: kms.IKey, email: str | None
    ) -> None:
        super().__init__(scope, construct_id)
        self._engine = engine
        self._alarms: list[cloudwatch.Alarm] = []
        self._topic = self._alarm_topic(key, email)
        self._watch_answers()
        self._watch_queues()
        self._watch_capacity()
        add_dashboard(self, engine, self._alarms)

    def _alarm_topic(self, key: kms.IKey, email: str | None) -> sns.Topic:
        topic = sns.Topic(self, "Topic", master_key=key, enforce_ssl=True)
        topic.apply_removal_policy(RemovalPolicy.DESTROY)
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}},
            )
        )
        if email:
            subscription = topic.add_subscription(subscriptions.EmailSubscription(email))
            acknowledge(
                subscription,
                "SNSRedrivePolicy",
                SERVERLESS,
                because="R15: alarms have to arrive; a queue for those that do not would need an alarm "
                "of its own, to the same address.",
            )
        return topic

    def _watch_answers(self) -> None:
        machine = self._engine.machine
        lost = [machine.metric_failed(), machine.metric_timed_out(), machine.metric_aborted()]
        self._alarm("execution-lost", "An execution ended before it could answer.", total(lost), of=3)
        for slug, metric, says in (
            (
                "net-needed",
                "ReportedByNet",
                "The safety net has answered an operation, because its execution did not.",
            ),
            (
                "late-report-refused",
                "LateReportRefused",
                "Service Catalog has refused an answer of the safety net, most likely because it had one.",
            ),
            (
                "platform-failure",
                "PlatformFailure",
                "An operation has failed for a reason that no input avoids: the next ones will fail, too.",
            ),
        ):
            self._alarm(
                slug, says, total([engine_metric(metric, verb) for verb in ("report", "sweep")]), of=3
            )
        self._alarm(
            "unreported",
            "The engine could not report a failure to Service Catalog. The product is stuck until it can.",
            total(messages(self._engine.unreported)),
            periods=3,
        )
        self._alarm(
            "unconfirmed",
            "Service Catalog does not confirm an operation that it seems to have sent. The engine holds it.",
            self._engine.unconfirmed.metric_approximate_number_of_messages_visible(),
        )
        self._alarm(
            "record-check-refused",
            "Operations run unconfirmed, because the engine may not read Service Catalog's records.",
            total([engine_metric("RecordCheckRefused", verb) for verb in CONFIRM]),
            of=3,
        )
        self._alarm(
            "operation-old",
            f"An operation has been under way for more than {OLD.to_hours():.0f} hours.",
            engine_metric("OldestOperationAge", "sweep", "Maximum", SWEEPS),
            threshold=OLD.to_seconds(),
        )
        self._alarm(
            "sweep-silent",
            "The sweep, the last part of the safety net, has not finished for an hour.",
            engine_metric("Swept", "sweep", period=SWEEPS),
            threshold=1,
            below=True,
            periods=2,
        )

    def _watch_queues(self) -> None:
        ages = [queue.metric_approximate_age_of_oldest_message() for queue in self._engine.operations]
        names = {f"m{number}": metric for number, metric in enumerate(ages)}
        self._alarm(
            "operation-waiting",
            "An operation has been waiting for more than a quarter of an hour to be received.",
            cloudwatch.MathExpression(
                expression=f"MAX([{', '.join(names)}])", using_metrics=names, period=MINUTES
            ),
            threshold=Duration.minutes(15).to_seconds(),
        )
        self._alarm(
            "dead-letter",
            "The failure of an operation has not been reported for 15 minutes.",
            # A message that is being tried is in flight, and visible only between two tries.
            total(messages(self._engine.dead_letters)),
            periods=3,
        )
        functions = self._engine.functions
        self._alarm(
            "receive-error",
            "The function that receives operations has failed.",
            functions["receive"].metric_errors(),
        )
        self._alarm(
            "report-error",
            "The function that answers Service Catalog has been failing for 15 minutes.",
            functions["report"].metric_errors(),
            periods=3,
        )
        self._alarm(
            "form-error",
            "The launch form of a product version could not be shown.",
            functions["parse_parameters"].metric_errors(),
        )

    def _watch_capacity(self) -> None:
        called = {verb: function.metric_throttles() for verb, function in self._engine.functions.items()}
        self._alarm(
            "function-throttled",
            "Lambda refused to run a function that receives or answers operations, or shows launch forms.",
            total([called[verb] for verb in CALLED_FROM_OUTSIDE]),
            of=3,
        )
        self._alarm(
            "step-throttled",
            "Operations have been waiting for Lambda to run their steps for an hour.",
            total([metric for verb, metric in called.items() if verb not in CALLED_FROM_OUTSIDE]),
            periods=12,
        )
        self._alarm(
            "machine-throttled",
            "Step Functions has been holding up the state machine for 15 minutes.",
            self._engine.machine.metric_throttled(),
            periods=3,
        )

    def _alarm(
        self,
        slug: str,
        says: str,
        metric: cloudwatch.IMetric,
        *,
        threshold: float = 0,
        below: bool = False,
        periods: int = 1,
        of: int | None = None,
    ) -> None:
        """Add an alarm that fires above its threshold, or with `below` under it and also without data.

        It fires when `periods` of the last `of` periods are beyond the threshold; `of` is `periods` unless
        given. FILL counts data that come late as 0, so an alarm on what happens once looks at several periods
        (CloudWatch User Guide, "Using metric math", FILL).
        """
        operators, missing = cloudwatch.ComparisonOperator, cloudwatch.TreatMissingData
        alarm = cloudwatch.Alarm(
            self,
            "".join(word.title() for word in slug.split("-")),
            alarm_description=f"{says} What to do: {RUNBOOK}#{slug}",
            metric=metric,
            threshold=threshold,
            comparison_operator=operators.LESS_THAN_THRESHOLD if below else operators.GREATER_THAN_THRESHOLD,
            evaluation_periods=of or periods,
            datapoints_to_alarm=periods,
            treat_missing_data=missing.BREACHING if below else missing.NOT_BREACHING,
        )
        if below and isinstance(resource := alarm.node.default_child, cloudwatch.CfnAlarm):
            resource.warm_up_configuration = cloudwatch.CfnAlarm.WarmUpConfigurationProperty(
                warm_up_period_duration_in_minutes=60  # after a deployment there is no data yet
            )
        alarm.add_alarm_action(actions.SnsAction(self._topic))
        alarm.add_ok_action(actions.SnsAction(self._topic))
        self._alarms.append(alarm)
