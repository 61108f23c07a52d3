"""What CloudWatch tells of an alarm's new state: to EventBridge, and to topics in JSON and in words.

Sources: the CloudWatch User Guide's "Alarm events and EventBridge" and "Notifying users on alarm changes";
public mails and messages of alarms.
"""

from __future__ import annotations

import json
from typing import Any

from moto.cloudwatch.models import MetricDataQuery

from ..account import ACCOUNT_ID, REGION
from .alarms import Alarm, State, returns_data, stamp

_REGION = "US East (N. Virginia)"


def event(alarm: Alarm, before: State, after: State) -> dict[str, Any]:
    """Return the detail of "CloudWatch Alarm State Change"."""
    configuration: dict[str, Any] = {"metrics": [_event_metric(query) for query in alarm.metric_data_queries]}
    if not alarm.metric_data_queries:
        metric = {
            "namespace": alarm.namespace,
            "name": alarm.metric_name,
            "dimensions": {each.name: each.value for each in alarm.dimensions},
        }
        stat = {"metric": metric, "period": alarm.seconds, "stat": alarm.statistic}
        configuration["metrics"] = [{"id": "metric", "metricStat": stat, "returnData": True}]
    if alarm.description:
        configuration["description"] = alarm.description
    return {
        "alarmName": alarm.name,
        "configuration": configuration,
        "previousState": before.event(),
        "state": after.event(),
    }


def _event_metric(query: MetricDataQuery) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": query.id, "returnData": returns_data(query)}
    if query.label:
        shown["label"] = query.label
    if query.expression:
        shown["expression"] = query.expression
    if stat := query.metric_stat:
        dimensions = {each.name: each.value for each in stat.metric.dimensions}
        metric = {
            "namespace": stat.metric.namespace,
            "name": stat.metric.metric_name,
            "dimensions": dimensions,
        }
        shown["metricStat"] = {"metric": metric, "period": stat.period, "stat": stat.stat}
    return shown


def subject(alarm: Alarm, after: State) -> str:
    """Return the subject of a message."""
    return f'{after.value}: "{alarm.name}" in {_REGION}'


def message(alarm: Alarm, before: State, after: State) -> str:
    """Return the message for a topic, of the message structure "json": mails are in words, others in JSON."""
    return json.dumps({"default": _document(alarm, before, after), "email": _mail(alarm, before, after)})


def _document(alarm: Alarm, before: State, after: State) -> str:
    trigger: dict[str, Any] = {
        "Period": alarm.seconds,
        "EvaluationPeriods": alarm.evaluation_periods,
        "ComparisonOperator": alarm.comparison_operator,
        "Threshold": alarm.threshold_rule.value,
        "TreatMissingData": alarm.treat_missing_data or "",
        "EvaluateLowSampleCountPercentile": "",
    }
    if alarm.datapoints_to_alarm:
        trigger["DatapointsToAlarm"] = alarm.datapoints_to_alarm
    if alarm.metric_data_queries:
        trigger["Metrics"] = [_trigger_metric(query) for query in alarm.metric_data_queries]
    else:
        trigger |= {
            "MetricName": alarm.metric_name,
            "Namespace": alarm.namespace,
            "StatisticType": "Statistic",
            "Statistic": alarm.statistic.upper(),
            "Unit": None,
            "Dimensions": [{"value": each.value, "name": each.name} for each in alarm.dimensions],
        }
    return json.dumps({
        "AlarmName": alarm.name,
        "AlarmDescription": alarm.description,
        "AWSAccountId": ACCOUNT_ID,
        "AlarmConfigurationUpdatedTimestamp": stamp(alarm.configuration_updated_timestamp),
        "NewStateValue": after.value,
        "NewStateReason": after.reason,
        "StateChangeTime": stamp(after.since),
        "Region": _REGION,
        "AlarmArn": alarm.alarm_arn,
        "OldStateValue": before.value,
        "OKActions": alarm.ok_actions,
        "AlarmActions": alarm.alarm_actions,
        "InsufficientDataActions": alarm.insufficient_data_actions,
        "Trigger": trigger,
    })  # fmt: skip


def _trigger_metric(query: MetricDataQuery) -> dict[str, Any]:
    shown: dict[str, Any] = {"Id": query.id, "ReturnData": returns_data(query)}
    if query.label:
        shown["Label"] = query.label
    if query.expression:
        shown["Expression"] = query.expression
    if stat := query.metric_stat:
        dimensions = [{"value": each.value, "name": each.name} for each in stat.metric.dimensions]
        metric = {"MetricName": stat.metric.metric_name, "Namespace": stat.metric.namespace}
        shown["MetricStat"] = {
            "Metric": {"Dimensions": dimensions} | metric,
            "Period": stat.period,
            "Stat": stat.stat,
        }
    return shown


def _mail(alarm: Alarm, before: State, after: State) -> str:
    when = f"{after.since:%A %d %B, %Y %H:%M:%S} UTC"
    rule = alarm.threshold_rule
    return "\n".join([
        f'You are receiving this email because your Amazon CloudWatch Alarm "{alarm.name}" in the {_REGION} '
        f'region has entered the {after.value} state, because "{after.reason}" at "{when}".',
        "",
        "View this alarm in the AWS Management Console:",
        f"https://{REGION}.console.aws.amazon.com/cloudwatch/deeplink.js?region={REGION}#alarmsV2:alarm/{alarm.name}",
        "",
        "Alarm Details:",
        _line("Name", alarm.name, 28),
        _line("Description", alarm.description or "", 28),
        _line("State Change", f"{before.value} -> {after.value}", 28),
        _line("Reason for State Change", after.reason, 28),
        _line("Timestamp", when, 28),
        _line("AWS Account", ACCOUNT_ID, 28),
        _line("Alarm Arn", alarm.alarm_arn, 28),
        "",
        "Threshold:",
        f"- The alarm is in the ALARM state when the metric is {rule.comparison} {rule.value} for at least "
        f"{rule.to_alarm} of the last {rule.periods} period(s) of {alarm.seconds} seconds.",
        "",
        *_monitored(alarm),
        _line("TreatMissingData", rule.missing, 37),
        "",
        "",
        "State Change Actions:",
        f"- OK:{_actions(alarm.ok_actions)}",
        f"- ALARM:{_actions(alarm.alarm_actions)}",
        f"- INSUFFICIENT_DATA:{_actions(alarm.insufficient_data_actions)}",
        "",
    ])  # fmt: skip


def _monitored(alarm: Alarm) -> list[str]:
    if alarm.metric_data_queries:
        [shown] = [query for query in alarm.metric_data_queries if returns_data(query)]
        return [
            "Monitored Metrics:",
            _line("MetricExpression", shown.expression or shown.id, 37),
            _line("MetricLabel", shown.label or "", 37),
        ]
    dimensions = " ".join(f"[{each.name} = {each.value}]" for each in alarm.dimensions)
    return [
        "Monitored Metric:",
        _line("MetricNamespace", alarm.namespace, 37),
        _line("MetricName", alarm.metric_name, 37),
        _line("Dimensions", dimensions, 37),
        _line("Period", f"{alarm.seconds} seconds", 37),
        _line("Statistic", alarm.statistic, 37),
        _line("Unit", "not specified", 37),
    ]


def _line(name: str, value: str, width: int) -> str:
    return f"- {f'{name}:':{width}}{value}"


def _actions(arns: list[str]) -> str:
    return "".join(f" [{arn}]" for arn in arns)
