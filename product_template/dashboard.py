"""The dashboard to open first when an alarm fires."""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from product_template.alarms import Alarm
from product_template.encryption import arn
from product_template.naming import Naming

ROWS = (
    ("Load", ("cpu", "load", "connections")),
    ("Memory and storage", ("memory", "storage", "transaction-logs")),
    ("Input and output", ("read-latency", "write-latency", "disk-queue")),
    ("Refusals in the log", ("connection-slots", "plaintext", "authentication", "deadlock")),
    ("Around it", ("ebs-throughput-balance", "ebs-iops-balance", "nat-1", "nat-2")),
    ("Backups", ("export", "export-timeout", "export-start", "export-heartbeat")),
)
WIDTH = 24


def add_dashboard(scope: Construct, alarms: Sequence[Alarm], *, naming: Naming) -> str:
    """Create the dashboard, with the states of the alarms on top, and return its name."""
    by_kind = {alarm.kind: alarm for alarm in alarms}
    dashboard = cloudwatch.Dashboard(scope, "Dashboard", dashboard_name=naming.of("dashboard"))
    dashboard.add_widgets(_states(scope, alarms, naming))
    for title, kinds in ROWS:
        dashboard.add_widgets(cloudwatch.TextWidget(markdown=f"## {title}", width=WIDTH, height=1))
        dashboard.add_widgets(*(_graph(by_kind[kind], WIDTH // len(kinds)) for kind in kinds))
    return naming.of("dashboard")


def _states(scope: Construct, alarms: Sequence[Alarm], naming: Naming) -> cloudwatch.AlarmStatusWidget:
    # Not those that exist only for some instance classes: the widget would name alarms that do not exist.
    return cloudwatch.AlarmStatusWidget(
        title="Alarms",
        width=WIDTH,
        height=5,
        alarms=[
            cloudwatch.Alarm.from_alarm_arn(
                scope,
                f"{alarm.kind}-on-dashboard",
                arn("cloudwatch", f"alarm:{naming.of(f'{alarm.kind}-alarm')}"),
            )
            for alarm in alarms
            if alarm.only_if is None
        ],
    )


def _graph(alarm: Alarm, width: int) -> cloudwatch.GraphWidget:
    """Draw the metric of an alarm, and the threshold if it has the metric's unit."""
    drawn_in_its_unit = alarm.percent_of_gib is None and not cdk.Token.is_unresolved(alarm.threshold)
    line = cloudwatch.HorizontalAnnotation(value=alarm.threshold, label=f"{alarm.kind}-alarm")
    return cloudwatch.GraphWidget(
        title=alarm.kind,
        width=width,
        left=[
            cloudwatch.Metric(
                namespace=alarm.metric.namespace,
                metric_name=alarm.metric.name,
                dimensions_map=dict(alarm.metric.dimensions),
                statistic=alarm.statistic,
                period=cdk.Duration.seconds(alarm.seconds),
            )
        ],
        left_annotations=[line] if drawn_in_its_unit else [],
        left_y_axis=cloudwatch.YAxisProps(min=0),
    )
