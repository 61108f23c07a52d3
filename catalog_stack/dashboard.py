"""The dashboard to open first when an alarm of the engine fires."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from .engine.construct import Engine
from .metrics import MINUTES, NAMESPACE, engine_metric, messages, total

WIDTH = 24
KINDS = ("PROVISION", "UPDATE", "TERMINATE")


def add_dashboard(scope: Construct, engine: Engine, alarms: Sequence[cloudwatch.Alarm]) -> None:
    """Create the dashboard TapStackEngine: alarms on top, then operations, the machine, queues, functions."""
    dashboard = cloudwatch.Dashboard(scope, "Dashboard", dashboard_name="TapStackEngine")
    dashboard.add_widgets(
        cloudwatch.AlarmStatusWidget(title="Alarms", alarms=list(alarms), width=WIDTH, height=4)
    )
    for row in (_operations(), _machine(engine), _queues(engine), _functions(engine)):
        dashboard.add_widgets(*(_graph(title, metrics, WIDTH // len(row)) for title, metrics in row.items()))
    dashboard.add_widgets(
        cloudwatch.LogQueryWidget(
            title="Steps that failed, by record",
            log_group_names=[function.log_group.log_group_name for function in engine.functions.values()],
            query_lines=[
                "fields @timestamp, correlation_id, service, state, kind, outcome, seconds",
                'filter level = "WARNING" or level = "ERROR"',
                "sort @timestamp desc",
                "limit 50",
            ],
            width=WIDTH,
            height=8,
        )
    )


Row = dict[str, list[cloudwatch.IMetric]]


def _operations() -> Row:
    def ended(status: str, *verbs: str) -> list[cloudwatch.IMetric]:
        return [
            total(
                [engine_metric(f"Operation{status}", verb, dimensions={"Kind": kind}) for verb in verbs], kind
            )
            for kind in KINDS
        ]

    reasons = cloudwatch.MathExpression(
        expression=f"SEARCH('{{{NAMESPACE},Reason,service}} FailureReason', 'Sum', 300)",
        using_metrics={},
        period=MINUTES,
        label="",
    )
    return {
        "Operations that succeeded": ended("Succeeded", "report"),
        "Operations that failed": ended("Failed", "report", "sweep"),
        "Why they failed": [reasons],
        "Age of the oldest one (s)": [
            engine_metric("OldestOperationAge", "sweep", "Maximum", Duration.minutes(15))
        ],
    }


def _machine(engine: Engine) -> Row:
    machine = engine.machine
    return {
        "Executions": [machine.metric_started(), machine.metric_succeeded()],
        "Executions that did not answer": [
            machine.metric_failed(),
            machine.metric_timed_out(),
            machine.metric_aborted(),
        ],
        "How long they took (ms)": [
            machine.metric_time(statistic="p50", label="median"),
            machine.metric_time(statistic="Maximum", label="longest"),
        ],
        "Answers of the safety net": [
            engine_metric(name, verb)
            for name in ("ReportedByNet", "LateReportRefused")
            for verb in ("report", "sweep")
        ],
    }


def _queues(engine: Engine) -> Row:
    return {
        "Operations waiting": [total(messages(queue), queue.node.id) for queue in engine.operations],
        "Age of the oldest waiting (s)": [
            queue.metric_approximate_age_of_oldest_message(label=queue.node.id) for queue in engine.operations
        ],
        "Not started, not reported": [
            total(messages(engine.dead_letters), "dead letters"),
            total(messages(engine.unreported), "unreported"),
            total(messages(engine.unconfirmed), "unconfirmed"),
        ],
    }


def _functions(engine: Engine) -> Row:
    functions = engine.functions.items()
    return {
        "Errors, polling included": [function.metric_errors(label=verb) for verb, function in functions],
        "Throttles": [function.metric_throttles(label=verb) for verb, function in functions],
        "At work at a time": [
            function.metric("ConcurrentExecutions", statistic="Maximum", label=verb)
            for verb, function in functions
        ],
        "Duration, p99 (ms)": [
            function.metric_duration(statistic="p99", label=verb) for verb, function in functions
        ],
    }


def _graph(title: str, metrics: list[cloudwatch.IMetric], width: int) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(
        title=title, left=metrics, width=width, left_y_axis=cloudwatch.YAxisProps(min=0)
    )
