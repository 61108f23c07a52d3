"""The alarms of the engine reach somebody, and a page says what to do about each."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from aws_cdk.assertions import Template

RUNBOOK = Path(__file__).parents[3] / "docs" / "runbook" / "engine.md"


@pytest.fixture(scope="module")
def catalog(catalog_template: Any) -> Template:
    return Template.from_json(catalog_template)


@pytest.fixture(scope="module")
def alarms(catalog: Template) -> dict[str, Any]:
    """The alarms by their headings in the runbook."""
    found = (alarm["Properties"] for alarm in catalog.find_resources("AWS::CloudWatch::Alarm").values())
    return {alarm["AlarmDescription"].partition("engine.md#")[2]: alarm for alarm in found}


def test_each_alarm_has_its_section_in_the_runbook_and_each_section_its_alarm(alarms: dict[str, Any]) -> None:
    _, _, section = RUNBOOK.read_text().partition("\n## Alarms\n")
    headings = re.findall(r"^### (\S+)$", section.partition("\n## ")[0], flags=re.M)
    assert sorted(headings) == sorted(alarms)


def test_each_section_says_what_it_means_what_to_look_at_and_what_to_do() -> None:
    _, _, section = RUNBOOK.read_text().partition("\n## Alarms\n")
    for text in section.partition("\n## ")[0].split("\n### ")[1:]:
        assert [word for word in ("**Means**", "**Look at**", "**Do**") if word not in text] == [], text[:40]


def test_a_description_is_a_sentence_with_its_page(alarms: dict[str, Any]) -> None:
    for slug, alarm in alarms.items():
        assert re.fullmatch(
            rf"[A-Z].+\. What to do: docs/runbook/engine\.md#{slug}", alarm["AlarmDescription"]
        ), slug


def watched(alarm: Any) -> list[tuple[str, str]]:
    """The metrics that an alarm looks at: name, and the value of its first dimension if it is plain text."""
    metrics = [one["MetricStat"]["Metric"] for one in alarm.get("Metrics", []) if "MetricStat" in one]
    return [(one["MetricName"], one["Dimensions"][0]["Value"]) for one in metrics or [alarm]]


@pytest.mark.parametrize(
    ("slug", "metrics"),
    [
        ("execution-lost", {"ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted"}),
        ("net-needed", {"ReportedByNet"}),
        ("late-report-refused", {"LateReportRefused"}),
        ("dead-letter", {"ApproximateNumberOfMessagesVisible", "ApproximateNumberOfMessagesNotVisible"}),
        ("unreported", {"ApproximateNumberOfMessagesVisible", "ApproximateNumberOfMessagesNotVisible"}),
        ("unconfirmed", {"ApproximateNumberOfMessagesVisible"}),
        ("record-check-refused", {"RecordCheckRefused"}),
        ("operation-old", {"OldestOperationAge"}),
        ("platform-failure", {"PlatformFailure"}),
        ("sweep-silent", {"Swept"}),
        ("operation-waiting", {"ApproximateAgeOfOldestMessage"}),
        ("receive-error", {"Errors"}),
        ("report-error", {"Errors"}),
        ("form-error", {"Errors"}),
        ("function-throttled", {"Throttles"}),
        ("step-throttled", {"Throttles"}),
        ("machine-throttled", {"ExecutionThrottled"}),
    ],
)
def test_an_alarm_looks_at_what_its_name_says(alarms: dict[str, Any], slug: str, metrics: set[str]) -> None:
    assert {name for name, _ in watched(alarms[slug])} == metrics


def test_the_engines_own_metrics_are_watched_of_each_function_that_publishes_them(
    alarms: dict[str, Any],
) -> None:
    for slug in ("net-needed", "late-report-refused", "platform-failure"):
        assert {verb for _, verb in watched(alarms[slug])} == {"report", "sweep"}
    assert {verb for _, verb in watched(alarms["record-check-refused"])} == {
        "validate", "plan", "snapshot", "apply", "wait", "subscribe"
    }  # fmt: skip
    code = "".join(file.read_text() for file in (RUNBOOK.parents[2] / "lambdas").rglob("*.py"))
    published = set(re.findall(r'''(?:count|measure)\("(\w+)"''', code))
    own = {alarm["MetricName"] for alarm in alarms.values() if alarm.get("Namespace") == "TapStackEngine"}
    assert own | {"ReportedByNet", "LateReportRefused", "PlatformFailure", "RecordCheckRefused"} <= published


def test_every_function_that_can_be_refused_is_watched_and_no_alarm_adds_up_more_than_ten(
    catalog: Template, alarms: dict[str, Any]
) -> None:
    throttled = [*watched(alarms["function-throttled"]), *watched(alarms["step-throttled"])]
    functions = catalog.find_resources("AWS::Lambda::Function")
    verbs = sorted(name for name in functions if name.startswith("Engine"))
    assert sorted(function["Ref"] for _, function in throttled) == verbs  # type: ignore[index]
    assert max(len(watched(alarm)) for alarm in alarms.values()) <= 10


def test_what_happens_once_is_looked_for_in_several_periods_because_a_filled_gap_is_no_zero(
    alarms: dict[str, Any],
) -> None:
    once = {
        slug
        for slug, alarm in alarms.items()
        if alarm["DatapointsToAlarm"] == 1 and any("FILL" in str(m) for m in alarm.get("Metrics", []))
    }
    assert once == {
        "execution-lost", "net-needed", "late-report-refused", "platform-failure", "function-throttled",
        "record-check-refused",
    }  # fmt: skip
    assert {alarms[slug]["EvaluationPeriods"] for slug in once} == {3}


def test_only_the_silence_of_the_sweep_is_an_alarm_without_data(alarms: dict[str, Any]) -> None:
    assert [slug for slug, alarm in alarms.items() if alarm["TreatMissingData"] == "breaching"] == [
        "sweep-silent"
    ]
    # A new engine has no data for a while.
    assert alarms["sweep-silent"]["WarmUpConfiguration"]


def test_alarms_reach_the_topic_through_its_policy(catalog: Template, alarms: dict[str, Any]) -> None:
    [topic] = catalog.find_resources("AWS::SNS::Topic")
    for alarm in alarms.values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": topic}]
    [policy] = catalog.find_resources("AWS::SNS::TopicPolicy").values()
    allowed = [
        statement["Principal"]
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow" and statement["Action"] == "sns:Publish"
    ]
    assert allowed == [{"Service": "cloudwatch.amazonaws.com"}]


def test_the_dashboard_shows_every_alarm_and_why_operations_failed(
    catalog: Template, alarms: dict[str, Any]
) -> None:
    [dashboard] = catalog.find_resources("AWS::CloudWatch::Dashboard").values()
    body = json.dumps(dashboard["Properties"]["DashboardBody"])
    assert body.count("Arn") >= len(alarms)
    assert all(alarm in body for alarm in catalog.find_resources("AWS::CloudWatch::Alarm"))
    assert "FailureReason" in body
