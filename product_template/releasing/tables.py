"""The tables in docs/ that are generated from the product's templates. `make docs` writes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from product_template.release_line import RELEASE_LINES
from product_template.releasing import released_versions
from product_template.releasing.released_versions import JsonTemplate

COMPARISONS = {"GreaterThanThreshold": ">", "LessThanThreshold": "<"}


def newest() -> dict[int, JsonTemplate]:
    """Return the template of each release line's newest version, by the release line's number."""
    versions = released_versions.templates()
    return {number: versions[released_versions.newest(number, versions)] for number in RELEASE_LINES}


def alarm_slug(alarm: Mapping[str, Any]) -> str:
    """Return the kind of an alarm: its name without `-alarm-{suffix}`, and its heading in the runbook."""
    prefix = alarm["AlarmName"]["Fn::Join"][1][0]
    return str(prefix).removesuffix("-alarm-")


def threshold_for(template: Mapping[str, Any], alarm: Mapping[str, Any], instance_class: str) -> float:
    """Return the threshold that an alarm has when `instance_class` is launched."""
    match alarm["Threshold"]:
        case {"Fn::FindInMap": [table, {"Ref": "InstanceClass"}, column]}:
            return float(template["Mappings"][table][instance_class][column])
        case number:
            return float(number)


def alarms(template: Mapping[str, Any]) -> str:
    """Return the table of all alarms, and below it the thresholds that depend on the instance class."""
    resources = [
        resource
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    ]
    rows = [_alarm_row(template, resource) for resource in resources]
    by_class = [
        resource["Properties"]
        for resource in resources
        if isinstance(resource["Properties"]["Threshold"], dict)
    ]
    classes = template["Parameters"]["InstanceClass"]["AllowedValues"]
    return "\n\n".join(
        [
            table(["alarm", "fires when", "threshold", "for", "no data", "why", "source"], rows),
            "Thresholds that depend on the instance class:",
            table(
                ["InstanceClass", *(f"{alarm_slug(one)} ({_metric(one)[0]})" for one in by_class)],
                [
                    [name, *(_number(threshold_for(template, one, name)) for one in by_class)]
                    for name in classes
                ],
            ),
        ]
    )


def parameters(templates: Mapping[int, JsonTemplate]) -> str:
    """Return the table of what a launch can choose. `templates` are by the number of their release line."""
    everything = {
        name: one for template in templates.values() for name, one in template["Parameters"].items()
    }
    return table(
        ["parameter", "default", "what it is"],
        [
            [
                f"`{name}`{_only_in(name, templates)}",
                f"`{one['Default']}`" if "Default" in one else "required",
                one["Description"].removeprefix("Required. "),
            ]
            for name, one in everything.items()
        ],
    )


def _only_in(parameter: str, templates: Mapping[int, JsonTemplate]) -> str:
    having = [f"{number}.x" for number, template in templates.items() if parameter in template["Parameters"]]
    return "" if len(having) == len(templates) else f" ({', '.join(having)})"


def outputs(template: Mapping[str, Any]) -> str:
    """Return the table of a launch's outputs."""
    return table(
        ["output", "what it is"],
        [[f"`{name}`", one["Description"]] for name, one in template["Outputs"].items()],
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    every = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in every)


def _alarm_row(template: Mapping[str, Any], resource: Mapping[str, Any]) -> list[str]:
    alarm = resource["Properties"]
    kind = alarm_slug(alarm)
    metric, statistic, seconds = _metric(alarm)
    default = template["Parameters"]["InstanceClass"]["Default"]
    threshold = _number(threshold_for(template, alarm, default))
    if isinstance(alarm["Threshold"], dict):
        threshold += f" ({default})"
    if "Metrics" in alarm:
        threshold += " % of AllocatedStorage"
    periods = alarm["EvaluationPeriods"]
    return [
        f"[{kind}](../runbook/alarms.md#{kind})"
        + (" (where the class bursts)" if "Condition" in resource else ""),
        f"{statistic} of {metric}",
        f"{COMPARISONS[alarm['ComparisonOperator']]} {threshold}",
        f"{periods} x {seconds // 60} min",
        "fires" if alarm["TreatMissingData"] == "breaching" else "is fine",
        resource["Metadata"]["Why"],
        resource["Metadata"]["Source"],
    ]


def _metric(alarm: Mapping[str, Any]) -> tuple[str, str, int]:
    """Return the name, the statistic and the period in seconds of what an alarm watches."""
    if "Metrics" not in alarm:
        return _name(alarm), alarm["Statistic"], alarm["Period"]
    [stat] = [query["MetricStat"] for query in alarm["Metrics"] if "MetricStat" in query]
    return _name(stat["Metric"]), stat["Stat"], stat["Period"]


def _name(metric: Mapping[str, Any]) -> str:
    match metric["MetricName"]:
        case {"Fn::Join": [_, [str(prefix), *_]]}:
            return f"{prefix.removesuffix('-').replace('-lines', '')} lines in the log"
        case name:
            return f"{metric['Namespace'].removeprefix('AWS/')} {name}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:g}"
