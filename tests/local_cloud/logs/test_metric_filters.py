"""Log lines become metrics: by metric filters, and by embedded metrics."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local_cloud.logs.filter_pattern import parse
from tests.support.account import Account, eventually, refusal

# "Filter pattern syntax ...": pattern -> messages that match, and messages that do not.
PATTERNS = [
    ("", ["anything"], []),
    ("ERROR", ["[ERROR] fatal", "Exiting with ERRORCODE: -1"], ["error"]),
    ("ERROR Exception", ["[ERROR] Unhandled Exception"], ["ERROR", "Exception"]),
    ("?ERROR ?WARN", ["ERROR message", "WARN message"], ["message"]),
    ("ERROR -WARN", ["ERROR message"], ["ERROR WARN message", "message"]),
    (
        '"no entry" "no encryption"',
        ["FATAL: no entry for host, no encryption"],
        ["no entry", "no encryption"],
    ),
    ('?"slots are reserved" ?"too many clients"', ["sorry, too many clients"], ["too few clients"]),
    (r'"a \"quoted\" word"', ['a "quoted" word'], ["a quoted word"]),
]


@pytest.fixture(scope="module")
def logs(account: Account) -> Any:
    client = account.client("logs")
    client.create_log_group(logGroupName="shop")
    client.create_log_stream(logGroupName="shop", logStreamName="one")
    return client


@pytest.mark.parametrize(("pattern", "matching", "others"), PATTERNS)
def test_a_pattern_of_terms_matches(pattern: str, matching: list[str], others: list[str]) -> None:
    parsed = parse(pattern)
    assert all(parsed.matches(message) for message in matching)
    assert not any(parsed.matches(message) for message in others)


@pytest.mark.parametrize("pattern", ['{ $.a = "b" }', "[ip, user]", "%[a-z]%", "?ERROR WARN"])
def test_other_patterns_are_refused(logs: Any, pattern: str) -> None:
    said = refusal(logs.test_metric_filter, filterPattern=pattern, logEventMessages=["x"])
    assert said.startswith("NotImplemented: the local cloud cannot do this: the filter pattern")


def test_a_term_with_other_characters_needs_quotes(logs: Any) -> None:
    said = refusal(logs.test_metric_filter, filterPattern="no-quotes", logEventMessages=["x"])
    assert said == "InvalidParameterException: Invalid character(s) in term 'no-quotes'"


def test_a_filter_can_be_tested(logs: Any) -> None:
    found = logs.test_metric_filter(filterPattern="ERROR", logEventMessages=["fine", "ERROR 1"])
    assert found["matches"] == [{"eventNumber": 2, "eventMessage": "ERROR 1", "extractedValues": {}}]


def put_filter(logs: Any, name: str, pattern: str, **transformation: Any) -> None:
    metric = {"metricNamespace": "Shop", "metricName": name, "metricValue": "1"} | transformation
    logs.put_metric_filter(
        logGroupName="shop", filterName=name, filterPattern=pattern, metricTransformations=[metric]
    )


def put_lines(logs: Any, *messages: str) -> None:
    now = time.time_ns() // 10**6
    logs.put_log_events(
        logGroupName="shop",
        logStreamName="one",
        logEvents=[{"timestamp": now, "message": message} for message in messages],
    )


def counted(account: Account, namespace: str, name: str, **dimensions: str) -> tuple[float, float]:
    """The sum and the number of the values of a metric."""
    now = datetime.now(UTC)
    [found] = account.client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName=name,
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        Period=3600,
        Statistics=["Sum", "SampleCount"],
        StartTime=now - timedelta(minutes=30),
        EndTime=now + timedelta(minutes=30),
    )["Datapoints"]
    return found["Sum"], found["SampleCount"]


def test_a_filter_counts_the_lines_that_match_and_come_after_it(account: Account, logs: Any) -> None:
    put_lines(logs, "ERROR before the filter")
    put_filter(logs, "errors", "ERROR", metricValue="2")
    put_lines(logs, "ERROR 1", "fine", "ERROR 2")
    put_lines(logs, "fine")  # without a default value, nothing is published
    assert counted(account, "Shop", "errors") == (4, 2)


def test_a_filter_publishes_its_default_value_for_lines_of_which_none_matches(
    account: Account, logs: Any
) -> None:
    put_filter(logs, "plaintext", '"no encryption"', defaultValue=0)
    put_lines(logs, "fine", "fine, too")
    assert counted(account, "Shop", "plaintext") == (0, 1)


def test_a_replaced_filter_and_a_deleted_one_count_no_longer(account: Account, logs: Any) -> None:
    put_filter(logs, "replaced", "OLD")
    put_filter(logs, "replaced", "NEW")
    put_filter(logs, "deleted", "NEW")
    put_lines(logs, "NEW 1")
    logs.delete_metric_filter(logGroupName="shop", filterName="deleted")
    put_lines(logs, "OLD", "NEW 2")
    assert counted(account, "Shop", "replaced") == (2, 2)
    assert counted(account, "Shop", "deleted") == (1, 1)


@pytest.mark.parametrize("transformation", [{"dimensions": {"Code": "$.code"}}, {"metricValue": "$.latency"}])
def test_a_filter_that_would_look_into_json_is_refused(logs: Any, transformation: dict[str, Any]) -> None:
    metric = {"metricNamespace": "Shop", "metricName": "json", "metricValue": "1"} | transformation
    said = refusal(
        logs.put_metric_filter,
        logGroupName="shop",
        filterName="json",
        filterPattern="ERROR",
        metricTransformations=[metric],
    )
    assert said.startswith("NotImplemented: the local cloud cannot do this: a metric filter with")
    assert logs.describe_metric_filters(filterNamePrefix="json")["metricFilters"] == []


def embedded(**values: Any) -> str:
    """A log line of "Specification: Embedded metric format"."""
    metrics = [{"Name": "Orders", "Unit": "Count"}]
    directive = {"Namespace": "Embedded", "Dimensions": [["service"]], "Metrics": metrics}
    return json.dumps({"_aws": {"Timestamp": 1, "CloudWatchMetrics": [directive]}} | values)


def test_embedded_metrics_in_a_line_are_published(account: Account, logs: Any) -> None:
    put_lines(logs, embedded(service="till", Orders=[1, 2]), embedded(service="till", Orders=4))
    put_lines(logs, embedded(service="till"), "not JSON", json.dumps({"_aws": {"CloudWatchMetrics": 1}}))
    assert counted(account, "Embedded", "Orders", service="till") == (7, 3)


def test_the_lines_of_a_function_become_metrics(account: Account) -> None:
    account.function("till", f"def handle(event, context): print({embedded(service='counter', Orders=3)!r})")
    account.invoke("till")
    assert eventually(lambda: counted(account, "Embedded", "Orders", service="counter")) == (3, 1)
    assert counted(account, "AWS/Lambda", "Invocations", FunctionName="till") == (1, 1)
    assert counted(account, "AWS/Lambda", "Errors", FunctionName="till") == (0, 1)
