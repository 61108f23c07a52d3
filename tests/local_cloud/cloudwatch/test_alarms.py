"""Alarms that live: their states, their history, and whom they tell.

Sources: CloudWatch User Guide, "Alarm evaluation", "Alarm warm-up periods", "Acting on alarm changes" and
"Alarm events and EventBridge"; API reference, PutMetricAlarm and SetAlarmState; public mails of alarms.
"""

import json
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_cloud.cloud import Cloud
from tests.support.account import ACCOUNT, Account, document, eventually, refusal
from tests.support.rds import available, create

ALARM = {
    "Namespace": "Shop",
    "Period": 300,
    "EvaluationPeriods": 1,
    "Statistic": "Sum",
    "ComparisonOperator": "GreaterThanThreshold",
    "Threshold": 0,
    "TreatMissingData": "notBreaching",
}


@pytest.fixture(scope="module")
def speed() -> float:
    return 20_000


@pytest.fixture(scope="module")
def cloudwatch(account: Account) -> Any:
    return account.client("cloudwatch")


@pytest.fixture(scope="module")
def topic(account: Account) -> str:
    """A topic with the default policy, and with a confirmed address."""
    sns = account.client("sns")
    arn = str(sns.create_topic(Name="alarms")["TopicArn"])
    sns.subscribe(TopicArn=arn, Protocol="email", Endpoint="ops@example.com")
    [mail] = account.cloud.mailbox.to("ops@example.com")
    sns.confirm_subscription(TopicArn=arn, Token=mail.todo.split()[-1])
    return arn


def put(cloudwatch: Any, name: str, **settings: Any) -> None:
    cloudwatch.put_metric_alarm(AlarmName=name, **ALARM | {"MetricName": name} | settings)


def happen(cloudwatch: Any, metric: str, value: float = 1) -> None:
    cloudwatch.put_metric_data(Namespace="Shop", MetricData=[{"MetricName": metric, "Value": value}])


def described(cloudwatch: Any, name: str) -> dict[str, Any]:
    [alarm] = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    found: dict[str, Any] = alarm
    return found


def history(cloudwatch: Any, name: str, kind: str = "StateUpdate") -> list[str]:
    """The summaries of an alarm's history, oldest first."""
    items = cloudwatch.describe_alarm_history(
        AlarmName=name, HistoryItemType=kind, ScanBy="TimestampAscending"
    )["AlarmHistoryItems"]
    return [item["HistorySummary"] for item in items]


def wait_for(cloudwatch: Any, name: str, *states: str) -> None:
    """Wait until an alarm has been in these states, one after the other."""
    steps = [f"from {before} to {after}" for before, after in pairwise(states)]

    def seen() -> bool:
        return [step.removeprefix("Alarm updated ") for step in history(cloudwatch, name)] == steps

    eventually(seen)


def test_a_new_alarm_has_insufficient_data(cloudwatch: Any) -> None:
    put(cloudwatch, "new", TreatMissingData="missing")
    alarm = described(cloudwatch, "new")
    assert alarm["StateValue"] == "INSUFFICIENT_DATA"
    assert alarm["StateReason"] == "Unchecked: Initial alarm creation"


def test_an_alarm_goes_off_and_is_ok_again_and_sends_cloudwatchs_mails(
    account: Account, cloudwatch: Any, topic: str
) -> None:
    put(cloudwatch, "rings", AlarmDescription="It rings.", AlarmActions=[topic], OKActions=[topic])
    wait_for(cloudwatch, "rings", "INSUFFICIENT_DATA", "OK")
    happen(cloudwatch, "rings", 3)
    wait_for(cloudwatch, "rings", "INSUFFICIENT_DATA", "OK", "ALARM", "OK")
    done = f"Successfully executed action {topic}"
    assert eventually(lambda: history(cloudwatch, "rings", "Action") == [done] * 3)
    mails = [mail for mail in account.cloud.mailbox.to("ops@example.com") if '"rings"' in mail.subject]
    assert [mail.subject.split(":")[0] for mail in mails] == ["OK", "ALARM", "OK"]
    alarm = mails[1]
    assert alarm.subject == 'ALARM: "rings" in US East (N. Virginia)'
    assert alarm.body.startswith(
        'You are receiving this email because your Amazon CloudWatch Alarm "rings" in the US East '
        '(N. Virginia) region has entered the ALARM state, because "Threshold Crossed: 1 datapoint [3.0 ('
    )
    for line in (
        "- Description:                It rings.",
        "- State Change:               OK -> ALARM",
        "- The alarm is in the ALARM state when the metric is GreaterThanThreshold 0.0 for at least 1 of the "
        "last 1 period(s) of 300 seconds.",
        f"- ALARM: [{topic}]",
    ):
        assert line in alarm.body


def test_other_subscribers_and_the_event_bus_get_json(account: Account, cloudwatch: Any, topic: str) -> None:
    url, arn = account.queue("alarms", Policy=document({
        "Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*",
    }))  # fmt: skip
    account.client("sns").subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"}
    )
    events_url, events_arn = account.queue("events", Policy=document({
        "Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*",
    }))  # fmt: skip
    events = account.client("events")
    pattern = {"detail-type": ["CloudWatch Alarm State Change"], "detail": {"alarmName": ["tells"]}}
    events.put_rule(Name="alarms", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="alarms", Targets=[{"Id": "queue", "Arn": events_arn}])
    dimensions = [{"Name": "Till", "Value": "1"}]
    put(cloudwatch, "tells", Dimensions=dimensions, OKActions=[topic], DatapointsToAlarm=1)
    [message] = [json.loads(body) for body in eventually(lambda: account.bodies(url))]
    assert (message["OldStateValue"], message["NewStateValue"]) == ("INSUFFICIENT_DATA", "OK")
    assert message["AlarmArn"] == f"arn:aws:cloudwatch:us-east-1:{ACCOUNT}:alarm:tells"
    assert message["Trigger"] == {
        "MetricName": "tells",
        "Namespace": "Shop",
        "StatisticType": "Statistic",
        "Statistic": "SUM",
        "Unit": None,
        "Dimensions": [{"value": "1", "name": "Till"}],
        "Period": 300,
        "EvaluationPeriods": 1,
        "DatapointsToAlarm": 1,
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 0.0,
        "TreatMissingData": "notBreaching",
        "EvaluateLowSampleCountPercentile": "",
    }
    [event] = [json.loads(body) for body in eventually(lambda: account.bodies(events_url))]
    assert event["source"] == "aws.cloudwatch"
    assert event["resources"] == [message["AlarmArn"]]
    detail = event["detail"]
    assert (detail["previousState"]["value"], detail["state"]["value"]) == ("INSUFFICIENT_DATA", "OK")
    assert detail["configuration"]["metrics"][0]["metricStat"]["metric"] == {
        "namespace": "Shop",
        "name": "tells",
        "dimensions": {"Till": "1"},
    }


def test_a_state_that_is_set_runs_the_actions_and_lasts_until_the_next_evaluation(
    cloudwatch: Any, topic: str
) -> None:
    put(cloudwatch, "set", AlarmActions=[topic])
    wait_for(cloudwatch, "set", "INSUFFICIENT_DATA", "OK")
    cloudwatch.set_alarm_state(AlarmName="set", StateValue="ALARM", StateReason="a drill")
    wait_for(cloudwatch, "set", "INSUFFICIENT_DATA", "OK", "ALARM", "OK")
    assert len(history(cloudwatch, "set", "Action")) == 1
    unknown = {"AlarmName": "unknown", "StateValue": "OK", "StateReason": ""}
    assert refusal(cloudwatch.set_alarm_state, **unknown).startswith("ResourceNotFound")


def test_a_changed_alarm_keeps_its_state_and_a_deleted_one_its_history(cloudwatch: Any) -> None:
    put(cloudwatch, "changes")
    wait_for(cloudwatch, "changes", "INSUFFICIENT_DATA", "OK")
    put(cloudwatch, "changes", Threshold=100)
    assert described(cloudwatch, "changes")["StateValue"] == "OK"
    cloudwatch.delete_alarms(AlarmNames=["changes"])
    assert history(cloudwatch, "changes", "ConfigurationUpdate") == [
        'Alarm "changes" created', 'Alarm "changes" updated', 'Alarm "changes" deleted',
    ]  # fmt: skip


def test_disabled_actions_are_not_run(cloudwatch: Any, topic: str) -> None:
    put(cloudwatch, "quiet", ActionsEnabled=False, OKActions=[topic], AlarmActions=[topic])
    wait_for(cloudwatch, "quiet", "INSUFFICIENT_DATA", "OK")
    cloudwatch.enable_alarm_actions(AlarmNames=["quiet"])
    happen(cloudwatch, "quiet")
    wait_for(cloudwatch, "quiet", "INSUFFICIENT_DATA", "OK", "ALARM", "OK")
    assert eventually(lambda: len(history(cloudwatch, "quiet", "Action")) == 2)


@pytest.fixture
def closed_topic(account: Account) -> Iterator[str]:
    """A topic whose policy lets CloudWatch publish for the alarm "heard", and whose key lets nobody in."""
    kms, sns = account.client("kms"), account.client("sns")
    administrator = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "kms:*", "Resource": "*"}
    key = kms.create_key(Policy=document(administrator))["KeyMetadata"]["KeyId"]
    arn = str(sns.create_topic(Name="closed", Attributes={"KmsMasterKeyId": key})["TopicArn"])
    alarm = f"arn:aws:cloudwatch:us-east-1:{ACCOUNT}:alarm:heard"
    publish: dict[str, Any] = {"Effect": "Allow", "Action": "sns:Publish", "Resource": arn}
    publish |= {"Principal": {"Service": "cloudwatch.amazonaws.com"}}
    publish |= {
        "Condition": {"ArnEquals": {"aws:SourceArn": alarm}, "StringEquals": {"aws:SourceAccount": ACCOUNT}}
    }
    sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=document(publish))
    yield arn
    sns.delete_topic(TopicArn=arn)


def test_a_topic_that_does_not_let_the_alarm_in_is_a_failed_action(
    cloudwatch: Any, closed_topic: str
) -> None:
    # The words are those of public histories of alarms.
    put(cloudwatch, "unheard", OKActions=[closed_topic])
    put(cloudwatch, "heard", OKActions=[closed_topic])
    assert eventually(lambda: history(cloudwatch, "unheard", "Action")) == [
        f'Failed to execute action {closed_topic}. Received error: "CloudWatch Alarms is not authorized to '
        f'perform: SNS:Publish on resource: {closed_topic}"'
    ]
    assert eventually(lambda: history(cloudwatch, "heard", "Action")) == [
        f'Failed to execute action {closed_topic}. Received error: "CloudWatch Alarms does not have '
        'authorization to access the SNS topic encryption key."'
    ]


def test_an_alarm_that_warms_up_waits_for_its_time_or_for_data(cloudwatch: Any) -> None:
    silent = {"TreatMissingData": "breaching", "ComparisonOperator": "LessThanThreshold", "Threshold": 1}
    put(cloudwatch, "cold", **silent, WarmUpConfiguration={"WarmUpPeriodDurationInMinutes": 2880})
    put(cloudwatch, "short", **silent, WarmUpConfiguration={"WarmUpPeriodDurationInMinutes": 1})
    put(cloudwatch, "none", **silent)
    wait_for(cloudwatch, "none", "INSUFFICIENT_DATA", "ALARM")
    wait_for(cloudwatch, "short", "INSUFFICIENT_DATA", "ALARM")
    assert described(cloudwatch, "cold")["StateValue"] == "INSUFFICIENT_DATA"
    happen(cloudwatch, "cold", 5)
    wait_for(cloudwatch, "cold", "INSUFFICIENT_DATA", "OK", "ALARM")
    assert described(cloudwatch, "cold")["WarmUpConfiguration"] == {"WarmUpPeriodDurationInMinutes": 2880}


def test_an_alarm_on_metric_math_counts_what_is_missing_as_it_says(cloudwatch: Any) -> None:
    def metric(name: str) -> dict[str, Any]:
        stat = {"Metric": {"Namespace": "Shop", "MetricName": name}, "Period": 300, "Stat": "Sum"}
        return {"Id": name, "MetricStat": stat, "ReturnData": False}

    cloudwatch.put_metric_alarm(
        AlarmName="math",
        Metrics=[{"Id": "total", "Expression": "FILL(m1, 0) + FILL(m2, 0)"}, metric("m1"), metric("m2")],
        EvaluationPeriods=3,
        DatapointsToAlarm=1,
        Threshold=4,
        ComparisonOperator="GreaterThanThreshold",
    )
    wait_for(cloudwatch, "math", "INSUFFICIENT_DATA", "OK")
    happen(cloudwatch, "m2", 5)
    wait_for(cloudwatch, "math", "INSUFFICIENT_DATA", "OK", "ALARM", "OK")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"Statistic": None, "ExtendedStatistic": "p99"}, "NotImplemented: .* on a percentile"),
        ({"Period": 10}, "NotImplemented: .* a period of 10 seconds"),
        ({"Unit": "Count"}, "NotImplemented: .* an alarm that names a unit"),
        ({"AlarmActions": ["arn:aws:automate:us-east-1:ec2:stop"]}, "NotImplemented: .* the action"),
        ({"DatapointsToAlarm": 2}, "ValidationError: DatapointsToAlarm"),
    ],
)
def test_an_alarm_that_cannot_be_evaluated_is_refused(
    cloudwatch: Any, settings: dict[str, Any], words: str
) -> None:
    wanted = ALARM | {"AlarmName": "refused", "MetricName": "refused"} | settings
    with pytest.raises(ClientError) as refused:
        cloudwatch.put_metric_alarm(**{name: value for name, value in wanted.items() if value is not None})
    error = refused.value.response["Error"]
    assert re.match(words, f"{error['Code']}: {error['Message']}")
    assert cloudwatch.describe_alarms(AlarmNames=["refused"])["MetricAlarms"] == []


def test_a_database_reports_each_minute_while_it_runs(cloudwatch: Any, rds: Any, cloud: Cloud) -> None:
    create(rds, "db")
    available(rds, "db")
    of_database = {
        "Namespace": "AWS/RDS",
        "MetricName": "CPUUtilization",
        "Dimensions": [{"Name": "DBInstanceIdentifier", "Value": "db"}],
    }
    beats = {"Statistic": "SampleCount", "ComparisonOperator": "LessThanThreshold", "Threshold": 5}
    put(cloudwatch, "heartbeat", **of_database, **beats, TreatMissingData="breaching", EvaluationPeriods=3)
    eventually(lambda: described(cloudwatch, "heartbeat")["StateValue"] == "OK")
    cloud.faults.database.set_status("db", "rebooting")
    eventually(lambda: described(cloudwatch, "heartbeat")["StateValue"] == "ALARM")
    cloud.faults.database.clear()
    eventually(lambda: described(cloudwatch, "heartbeat")["StateValue"] == "OK")
    names = {metric["MetricName"] for metric in cloudwatch.list_metrics(Namespace="AWS/RDS")["Metrics"]}
    assert {"FreeableMemory", "DatabaseConnections", "EBSByteBalance%"} < names
    assert not {"OldestReplicationSlotLag", "DBLoad"} & names


def test_a_queue_tells_what_is_in_it(account: Account, cloudwatch: Any) -> None:
    url, _ = account.queue("full")
    of_queue = {"Namespace": "AWS/SQS", "Dimensions": [{"Name": "QueueName", "Value": "full"}]}
    for name in ("ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"):
        put(cloudwatch, f"{name} of full", **of_queue, MetricName=name, Statistic="Maximum")
        wait_for(cloudwatch, f"{name} of full", "INSUFFICIENT_DATA", "OK")
    account.client("sqs").send_message(QueueUrl=url, MessageBody="x")
    for name in ("ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"):
        wait_for(cloudwatch, f"{name} of full", "INSUFFICIENT_DATA", "OK", "ALARM")


def test_executions_and_undelivered_events_are_counted(account: Account, cloudwatch: Any) -> None:
    states, events = account.client("stepfunctions"), account.client("events")
    machine = states.create_state_machine(
        name="fails",
        roleArn=account.role("fails", "states.amazonaws.com"),
        definition='{"StartAt": "No", "States": {"No": {"Type": "Fail"}}}',
    )["stateMachineArn"]
    events.put_rule(Name="lost", EventPattern='{"source": ["shop"]}')
    events.put_targets(Rule="lost", Targets=[{"Id": "1", "Arn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:nowhere"}])
    watched = {
        "failed": ("AWS/States", "ExecutionsFailed", "StateMachineArn", machine),
        "lost": ("AWS/Events", "FailedInvocations", "RuleName", "lost"),
    }
    for name, (namespace, metric, dimension, value) in watched.items():
        dimensions = [{"Name": dimension, "Value": value}]
        put(cloudwatch, name, Namespace=namespace, MetricName=metric, Dimensions=dimensions)
        wait_for(cloudwatch, name, "INSUFFICIENT_DATA", "OK")
    states.start_execution(stateMachineArn=machine)
    events.put_events(Entries=[{"Source": "shop", "DetailType": "Order", "Detail": "{}"}])
    for name in watched:
        wait_for(cloudwatch, name, "INSUFFICIENT_DATA", "OK", "ALARM", "OK")
