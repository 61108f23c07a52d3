"""How a CloudWatch alarm is described and created."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import aws_cdk as cdk
from aws_cdk import IResolvable
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from product_template.instance_classes import BYTES_PER_GIB
from product_template.naming import Naming

MINUTE = 60
DAY = 86_400


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A CloudWatch metric.

    Attributes:
        namespace: of an AWS service, such as AWS/RDS, or our own.
        name: the metric's name.
        dimensions: all dimensions that it is published with; with fewer, it has no data.
    """

    namespace: str
    name: str
    dimensions: Mapping[str, str]

    def properties(self) -> cloudwatch.CfnAlarm.MetricProperty:
        """Return the metric as part of a metric math expression."""
        return cloudwatch.CfnAlarm.MetricProperty(
            namespace=self.namespace, metric_name=self.name, dimensions=self.list_dimensions()
        )

    def list_dimensions(self) -> list[IResolvable | cloudwatch.CfnAlarm.DimensionProperty]:
        """Return the dimensions as CloudFormation's property."""
        return [
            cloudwatch.CfnAlarm.DimensionProperty(name=name, value=value)
            for name, value in self.dimensions.items()
        ]


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """When an alarm fires, and why. The template and docs/use/alarms.md both say it.

    Attributes:
        kind: the alarm is named `{kind}-alarm-{suffix}`, and its page in the runbook has this heading.
        says: what is the case when it fires. The mail begins with it.
        why: the reason for the threshold, in one line.
        source: where the threshold comes from.
        metric: the metric that it watches.
        statistic: how the values of one period become one.
        fires: whether values above or below the threshold make it fire.
        threshold: in the metric's unit, or in percent of `percent_of_gib`.
        percent_of_gib: if given, the metric is in bytes, and the threshold is a percentage of this many GiB,
            a token because the launch chooses it.
        periods: how many periods in a row must be beyond the threshold.
        seconds: length of a period.
        silence_fires: whether a period without data counts as beyond the threshold.
        warm_up_minutes: how long a new alarm waits for its first data before a period without data counts.
        only_if: the condition under which the metric exists.
    """

    kind: str
    says: str
    why: str
    source: str
    metric: Metric
    statistic: Literal["Average", "Maximum", "Minimum", "Sum", "SampleCount"]
    fires: Literal["above", "below"] = "above"
    threshold: float
    percent_of_gib: str | None = None
    periods: int = 1
    seconds: int = 5 * MINUTE
    silence_fires: bool = False
    warm_up_minutes: int | None = None
    only_if: cdk.CfnCondition | None = None


def add_alarm(scope: Construct, alarm: Alarm, *, naming: Naming, topic_arn: str) -> None:
    """Create an alarm that notifies the topic when it fires and when it is OK again."""
    name = "".join(word.title() for word in alarm.kind.split("-")) + "Alarm"
    created = cloudwatch.CfnAlarm(
        scope,
        name,
        alarm_name=naming.of(f"{alarm.kind}-alarm"),
        alarm_description=f"{alarm.says} What to do: docs/runbook/alarms.md#{alarm.kind}",
        comparison_operator="GreaterThanThreshold" if alarm.fires == "above" else "LessThanThreshold",
        threshold=alarm.threshold,
        evaluation_periods=alarm.periods,
        treat_missing_data="breaching" if alarm.silence_fires else "notBreaching",
        alarm_actions=[topic_arn],
        ok_actions=[topic_arn],
    )
    if alarm.percent_of_gib is None:
        created.namespace = alarm.metric.namespace
        created.metric_name = alarm.metric.name
        created.dimensions = alarm.metric.list_dimensions()
        created.statistic = alarm.statistic
        created.period = alarm.seconds
    else:
        created.metrics = _percentage(alarm, alarm.percent_of_gib)
    if alarm.warm_up_minutes is not None:
        created.warm_up_configuration = cloudwatch.CfnAlarm.WarmUpConfigurationProperty(
            warm_up_period_duration_in_minutes=alarm.warm_up_minutes
        )
    if alarm.only_if is not None:
        created.cfn_options.condition = alarm.only_if
    created.add_metadata("Why", alarm.why)
    created.add_metadata("Source", alarm.source)


def _percentage(alarm: Alarm, gib: str) -> list[IResolvable | cloudwatch.CfnAlarm.MetricDataQueryProperty]:
    """Return the metric math for a percentage: CloudFormation cannot divide by what the launch chooses."""
    return [
        cloudwatch.CfnAlarm.MetricDataQueryProperty(
            id="percent",
            label=f"{alarm.metric.name} (%)",
            expression=f"100 * bytes / ({gib} * {BYTES_PER_GIB})",
            return_data=True,
        ),
        cloudwatch.CfnAlarm.MetricDataQueryProperty(
            id="bytes",
            metric_stat=cloudwatch.CfnAlarm.MetricStatProperty(
                metric=alarm.metric.properties(), period=alarm.seconds, stat=alarm.statistic
            ),
            return_data=False,
        ),
    ]
