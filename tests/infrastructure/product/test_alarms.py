"""Each alarm can fire, has the right threshold for every instance class, and says why it fires."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from product_template.releasing.released_versions import JsonTemplate
from product_template.releasing.tables import alarm_slug, threshold_for

RUNBOOK = Path(__file__).parents[3] / "docs" / "runbook" / "alarms.md"
GIB = 2**30

# CloudWatch's metrics by namespace: their dimensions and their names.
# AWS/RDS: RDS User Guide, "Amazon CloudWatch metrics for Amazon RDS" (instance-level, of PostgreSQL; the EBS
# balances for classes that burst) and "Amazon CloudWatch metrics for Performance Insights" (DBLoad).
# AWS/NATGateway: VPC User Guide, "NAT gateway metrics and dimensions".
# AWS/States: Step Functions Developer Guide, "Execution metrics".
# AWS/Events: EventBridge User Guide, "Monitoring Amazon EventBridge".
CLOUDWATCH = {
    "AWS/RDS": (
        {"DBInstanceIdentifier"},
        {
            "CPUUtilization",
            "DatabaseConnections",
            "DBLoad",
            "DiskQueueDepth",
            "EBSByteBalance%",
            "EBSIOBalance%",
            "FreeableMemory",
            "FreeStorageSpace",
            "MaximumUsedTransactionIDs",
            "OldestReplicationSlotLag",
            "ReadLatency",
            "SwapUsage",
            "TransactionLogsDiskUsage",
            "WriteLatency",
        },
    ),
    "AWS/NATGateway": ({"NatGatewayId"}, {"ErrorPortAllocation"}),
    "AWS/States": ({"StateMachineArn"}, {"ExecutionsFailed", "ExecutionsSucceeded", "ExecutionsTimedOut"}),
    "AWS/Events": ({"RuleName"}, {"FailedInvocations"}),
}
# Memory in bytes, vCPUs, whether EBS throughput bursts: RDS User Guide, "Hardware specifications for DB
# instance classes" (a class that holds its maximum for 30 minutes a day only is marked there).
CLASSES = {
    "db.r6g.large": (16 * GIB, 2, True),
    "db.r6g.xlarge": (32 * GIB, 4, True),
    "db.r6g.2xlarge": (64 * GIB, 8, True),
    "db.r6g.4xlarge": (128 * GIB, 16, False),
    "db.r6g.8xlarge": (256 * GIB, 32, False),
    "db.r6g.12xlarge": (384 * GIB, 48, False),
    "db.r6g.16xlarge": (512 * GIB, 64, False),
}


class Watched(NamedTuple):
    logical_id: str
    namespace: str
    metric: str
    dimensions: dict[str, Any]
    statistic: str
    period: int


def alarms(template: JsonTemplate) -> dict[str, dict[str, Any]]:
    return {
        logical_id: resource["Properties"]
        for logical_id, resource in template["Resources"].items()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    }


def watched(template: JsonTemplate) -> Iterator[Watched]:
    """Every metric that an alarm reads, directly or as the input of an expression."""
    for logical_id, alarm in alarms(template).items():
        stats = [query["MetricStat"] for query in alarm.get("Metrics", []) if "MetricStat" in query] or [
            {"Metric": alarm, "Stat": alarm["Statistic"], "Period": alarm["Period"]}
        ]
        for stat in stats:
            metric = stat["Metric"]
            dimensions = {one["Name"]: one["Value"] for one in metric.get("Dimensions", [])}
            yield Watched(
                logical_id,
                metric["Namespace"],
                metric["MetricName"],
                dimensions,
                stat["Stat"],
                stat["Period"],
            )


def counts(pattern: str, line: str) -> bool:
    """Whether a metric filter counts a line: it has all quoted terms, or one of those with a question mark.

    CloudWatch Logs User Guide, "Filter pattern syntax". It does not say what both kinds do together.
    """
    terms = re.findall(r'(\??)"([^"]+)"', pattern)
    assert " ".join(f'{optional}"{term}"' for optional, term in terms) == pattern
    [optional] = {optional for optional, _ in terms}
    return (any if optional else all)(term in line for _, term in terms)


def alarm(template: JsonTemplate, kind: str) -> dict[str, Any]:
    [found] = [one for one in alarms(template).values() if alarm_slug(one) == kind]
    return found


class TestAlarmsThatCanFire:
    def test_each_reads_a_metric_that_cloudwatch_has_with_the_dimensions_it_has(
        self, product_template: JsonTemplate
    ) -> None:
        for one in watched(product_template):
            if one.namespace == "TapStack":
                continue
            dimensions, metrics = CLOUDWATCH[one.namespace]
            assert one.metric in metrics, one
            assert one.dimensions.keys() == dimensions, one

    def test_each_dimension_is_a_resource_of_the_stack(self, product_template: JsonTemplate) -> None:
        expected = {
            "DBInstanceIdentifier": [{"Ref": "DatabaseInstance"}],
            "NatGatewayId": [{"Ref": f"NetworkVpcPublicSubnet{zone}NATGateway"} for zone in (1, 2)],
            "StateMachineArn": [{"Ref": "ExportsWorkflow"}],
            "RuleName": [{"Ref": "ExportsRule"}],
        }
        for one in watched(product_template):
            for name, value in one.dimensions.items():
                assert value in expected[name], one

    def test_each_log_metric_is_one_that_a_filter_of_the_postgresql_log_makes(
        self, product_template: JsonTemplate
    ) -> None:
        filters = [
            resource["Properties"]
            for resource in product_template["Resources"].values()
            if resource["Type"] == "AWS::Logs::MetricFilter"
        ]
        made = [
            (transformation["MetricNamespace"], transformation["MetricName"])
            for one in filters
            for transformation in one["MetricTransformations"]
        ]
        read = [
            (one.namespace, one.metric) for one in watched(product_template) if one.namespace == "TapStack"
        ]
        assert len(read) == 4
        assert sorted(map(str, read)) == sorted(map(str, made))
        assert all(one["LogGroupName"] == {"Ref": "DatabasePostgresqlLog"} for one in filters)

    @pytest.mark.parametrize(
        ("kind", "line"),
        [
            (
                "connection-slots",
                "FATAL:  remaining connection slots are reserved for non-replication superuser connections",
            ),
            (
                "connection-slots",
                "FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute",
            ),
            (
                "connection-slots",
                "FATAL:  remaining connection slots are reserved for roles with privileges of the "
                '"rds_reserved" role',
            ),
            ("connection-slots", "FATAL:  sorry, too many clients already"),
            (
                "plaintext",
                'FATAL:  no pg_hba.conf entry for host "10.0.1.9", user "app", database "db", no encryption',
            ),
            ("authentication", 'FATAL:  password authentication failed for user "app"'),
            ("authentication", 'FATAL:  PAM authentication failed for user "app"'),
            ("deadlock", "ERROR:  deadlock detected"),
        ],
    )
    def test_a_line_of_postgresql_14_or_17_is_counted_by_the_filter_for_it_and_no_other(
        self, product_template: JsonTemplate, kind: str, line: str
    ) -> None:
        counting = [
            resource["Properties"]["FilterName"]["Fn::Join"][1][0]
            for resource in product_template["Resources"].values()
            if resource["Type"] == "AWS::Logs::MetricFilter"
            and counts(resource["Properties"]["FilterPattern"], line)
        ]
        assert counting == [f"{kind}-metric-filter-"]

    def test_those_on_metrics_that_only_some_classes_have_exist_for_these_classes(
        self, product_template: JsonTemplate
    ) -> None:
        conditional = {
            logical_id: resource["Condition"]
            for logical_id, resource in product_template["Resources"].items()
            if "Condition" in resource
        }
        assert conditional == dict.fromkeys(
            ("MonitoringEbsThroughputBalanceAlarm", "MonitoringEbsIopsBalanceAlarm"), "MonitoringEbsBursts"
        )
        assert product_template["Conditions"]["MonitoringEbsBursts"] == {
            "Fn::Equals": [
                {"Fn::FindInMap": ["ByInstanceClass", {"Ref": "InstanceClass"}, "EbsBursts"]},
                "True",
            ]
        }
        table = product_template["Mappings"]["ByInstanceClass"]
        assert {name: table[name]["EbsBursts"] for name in table} == {
            name: str(bursts) for name, (_, _, bursts) in CLASSES.items()
        }

    def test_cloudwatch_takes_their_periods(self, product_template: JsonTemplate) -> None:
        """PutMetricAlarm takes at most a day in all, or seven days where a period is an hour or more."""
        for one in watched(product_template):
            evaluated = one.period * alarms(product_template)[one.logical_id]["EvaluationPeriods"]
            assert evaluated <= (7 * 86_400 if one.period >= 3600 else 86_400), one
            assert one.period % 60 == 0

    def test_silence_is_noticed_of_the_database_and_of_its_backups(
        self, product_template: JsonTemplate
    ) -> None:
        missing = {alarm_slug(one): one["TreatMissingData"] for one in alarms(product_template).values()}
        assert {kind for kind, treated in missing.items() if treated == "breaching"} == {
            "heartbeat",
            "export-heartbeat",
        }
        assert set(missing.values()) == {"breaching", "notBreaching"}

    def test_a_new_alarm_on_silence_waits_for_the_first_data(self, product_template: JsonTemplate) -> None:
        for kind, at_least in (("heartbeat", 15), ("export-heartbeat", 1440)):
            warm_up = alarm(product_template, kind)["WarmUpConfiguration"]["WarmUpPeriodDurationInMinutes"]
            assert at_least <= warm_up <= 2880


@pytest.mark.parametrize("instance_class", CLASSES)
class TestThresholdsOfEachClass:
    def test_connections_are_three_quarters_of_what_the_parameter_group_allows(
        self, product_template: JsonTemplate, instance_class: str
    ) -> None:
        memory, *_ = CLASSES[instance_class]
        table = product_template["Mappings"]["ByInstanceClass"][instance_class]
        group = product_template["Resources"]["DatabaseParameterGroup"]["Properties"]["Parameters"]
        assert group["max_connections"] == {
            "Fn::FindInMap": ["ByInstanceClass", {"Ref": "InstanceClass"}, "MaxConnections"]
        }
        # Below RDS's default LEAST({DBInstanceClassMemory/9531392}, 5000), so connections get no more memory.
        assert table["MaxConnections"] <= min(memory // 9_531_392, 5000)
        assert table["MaxConnections"] >= 0.85 * min(memory // 9_531_392, 5000)
        threshold = threshold_for(product_template, alarm(product_template, "connections"), instance_class)
        assert threshold == table["MaxConnections"] * 0.75

    def test_memory_is_a_tenth_of_what_the_class_has(
        self, product_template: JsonTemplate, instance_class: str
    ) -> None:
        memory, *_ = CLASSES[instance_class]
        threshold = threshold_for(product_template, alarm(product_template, "memory"), instance_class)
        assert threshold == memory // 10

    def test_load_is_its_number_of_processors(
        self, product_template: JsonTemplate, instance_class: str
    ) -> None:
        _, vcpus, _ = CLASSES[instance_class]
        threshold = threshold_for(product_template, alarm(product_template, "load"), instance_class)
        assert threshold == vcpus


def test_the_table_has_the_classes_that_can_be_chosen_and_no_other(product_template: JsonTemplate) -> None:
    chosen = product_template["Parameters"]["InstanceClass"]["AllowedValues"]
    assert list(product_template["Mappings"]["ByInstanceClass"]) == chosen == list(CLASSES)


@pytest.mark.parametrize(
    ("kind", "statistic", "percent", "periods"),
    [
        ("storage", "Minimum", 20, 1),
        # RDS begins to grow storage after five minutes at 10 percent.
        ("storage-critical", "Minimum", 10, 3),
        ("transaction-logs", "Maximum", 20, 3),
    ],
)
def test_storage_is_measured_in_percent_of_what_was_asked_for(
    product_template: JsonTemplate, kind: str, statistic: str, percent: int, periods: int
) -> None:
    properties = alarm(product_template, kind)
    expression, stat = properties["Metrics"]
    assert expression["Expression"] == {
        "Fn::Join": ["", ["100 * bytes / (", {"Ref": "AllocatedStorage"}, " * 1073741824)"]]
    }
    assert (stat["Id"], stat["MetricStat"]["Stat"]) == ("bytes", statistic)
    assert [query["ReturnData"] for query in properties["Metrics"]] == [True, False]
    assert properties["Threshold"] == percent
    assert (stat["MetricStat"]["Period"], properties["EvaluationPeriods"]) == (300, periods)
    assert ("for 15 minutes" in properties["AlarmDescription"].lower()) == (periods == 3)


class TestWhoeverIsCalled:
    def test_is_told_of_the_beginning_and_of_the_end(self, product_template: JsonTemplate) -> None:
        for logical_id, one in alarms(product_template).items():
            assert one["AlarmActions"] == one["OKActions"] == [{"Ref": "MonitoringTopic"}], logical_id

    def test_reads_what_is_the_case_and_where_it_says_what_to_do(
        self, product_template: JsonTemplate
    ) -> None:
        headings = re.findall(r"^## (\S+)$", RUNBOOK.read_text(), flags=re.MULTILINE)
        slugs = [alarm_slug(one) for one in alarms(product_template).values()]
        for one in alarms(product_template).values():
            text = one["AlarmDescription"]
            assert text.endswith(f" What to do: docs/runbook/alarms.md#{alarm_slug(one)}")
            assert len(text) <= 1024  # PutMetricAlarm
        assert sorted(slugs) == sorted(headings)

    def test_can_read_why_each_threshold_is_what_it_is_and_whence(
        self, product_template: JsonTemplate
    ) -> None:
        for logical_id in alarms(product_template):
            metadata = product_template["Resources"][logical_id]["Metadata"]
            assert metadata["Why"], logical_id
            assert metadata["Source"], logical_id

    def test_opens_one_dashboard_with_the_state_of_every_alarm_that_is_always_there(
        self, product_template: JsonTemplate
    ) -> None:
        dashboard = product_template["Resources"]["MonitoringDashboard"]["Properties"]
        assert dashboard["DashboardName"] == {"Fn::Join": ["", ["dashboard-", {"Ref": "EnvironmentSuffix"}]]}
        body = "".join(
            part if isinstance(part, str) else "?" for part in dashboard["DashboardBody"]["Fn::Join"][1]
        )
        shown = set(re.findall(r":alarm:([a-z0-9-]+)-alarm-", body))
        always = {
            alarm_slug(one)
            for logical_id, one in alarms(product_template).items()
            if "Condition" not in product_template["Resources"][logical_id]
        }
        assert shown == always
        watches = {one.metric for one in watched(product_template) if one.namespace == "AWS/RDS"}
        slow = {
            "SwapUsage",
            "MaximumUsedTransactionIDs",
            "OldestReplicationSlotLag",
        }  # a graph would show nothing
        assert set(re.findall(r'"AWS/RDS","([^"]+)"', body)) == watches - slow
