"""The CloudWatch metrics behind the alarms and the dashboard."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sqs as sqs

# The functions publish here. Every metric has the dimension `service`, whose value is the verb.
NAMESPACE = "TapStackEngine"
MINUTES = Duration.minutes(5)


def engine_metric(
    name: str,
    verb: str,
    statistic: str = "Sum",
    period: Duration = MINUTES,
    dimensions: Mapping[str, str] | None = None,
) -> cloudwatch.Metric:
    """Return a metric that the function of a verb publishes.

    `dimensions` are those besides `service`. With fewer than it is published with, the metric has no data.
    """
    return cloudwatch.Metric(
        namespace=NAMESPACE,
        metric_name=name,
        dimensions_map={"service": verb, **(dimensions or {})},
        statistic=statistic,
        period=period,
    )


def messages(queue: sqs.IQueue) -> list[cloudwatch.IMetric]:
    """Return the two metrics that together count a queue's messages: the visible ones and those in flight."""
    return [
        queue.metric_approximate_number_of_messages_visible(),
        queue.metric_approximate_number_of_messages_not_visible(),
    ]


def total(metrics: Sequence[cloudwatch.IMetric], label: str = "total") -> cloudwatch.MathExpression:
    """Return the sum of metrics, of which one without data counts as 0. An alarm takes ten metrics at most.

    `label` tells the sums of one graph apart.
    """
    prefix = re.sub(r"\W", "_", label.lower())
    names = {f"{prefix}{number}": metric for number, metric in enumerate(metrics)}
    return cloudwatch.MathExpression(
        expression=" + ".join(f"FILL({name}, 0)" for name in names),
        using_metrics=names,
        period=MINUTES,
        label=label,
    )
