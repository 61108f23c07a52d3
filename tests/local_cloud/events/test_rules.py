import json
from typing import Any

import pytest

from tests.support.account import ACCOUNT, Account, document, eventually, refusal

RULE = f"arn:aws:events:us-east-1:{ACCOUNT}:rule/orders"


def put_rule(account: Account, target: dict[str, Any]) -> None:
    events = account.client("events")
    events.put_rule(Name="orders", EventPattern='{"source": ["shop"]}')
    events.put_targets(Rule="orders", Targets=[{"Id": "target"} | target])


def test_an_event_reaches_a_function_only_if_the_function_lets_the_rule_in(account: Account) -> None:
    policy = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
    }
    lost, lost_arn = account.queue("lost", Policy=document(policy | {"Resource": "*"}))
    arn = account.function("listens", "def handle(event, context): print('HEARD', event)")
    put_rule(account, {"Arn": arn, "InputPath": "$.detail", "DeadLetterConfig": {"Arn": lost_arn}})
    entry = {"Source": "shop", "DetailType": "Order", "Detail": '{"n": 1}'}
    account.client("events").put_events(Entries=[entry])
    assert account.bodies(lost) == ['{"n": 1}']
    account.client("lambda").add_permission(
        FunctionName="listens",
        StatementId="rule",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=RULE,
    )
    account.client("events").put_events(Entries=[entry, entry | {"Source": "other"}])

    def heard() -> list[str]:
        return [line for line in account.log("listens") if line.startswith("HEARD")]

    assert eventually(heard) == ["HEARD {'n': 1}"]


def test_an_event_for_a_topic_that_is_gone_is_a_dead_letter(account: Account) -> None:
    policy = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
    }
    lost, lost_arn = account.queue("lost", Policy=document(policy | {"Resource": "*"}))
    topic = account.client("sns").create_topic(Name="gone")["TopicArn"]
    put_rule(account, {"Arn": topic, "InputPath": "$.detail", "DeadLetterConfig": {"Arn": lost_arn}})
    account.client("sns").delete_topic(TopicArn=topic)
    entry = {"Source": "shop", "DetailType": "Order", "Detail": '{"n": 1}'}
    assert account.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0
    assert account.bodies(lost) == ['{"n": 1}']


def test_only_aws_services_speak_as_aws_services(account: Account) -> None:
    entry = {"Source": "aws.states", "DetailType": "forged", "Detail": "{}"}
    answer = account.client("events").put_events(Entries=[entry])["Entries"]
    assert answer == [
        {"ErrorCode": "NotAuthorizedForSourceException", "ErrorMessage": "Not authorized for the source."}
    ]


@pytest.mark.parametrize(
    "target",
    [
        {"Arn": "arn:aws:ecs:us-east-1:1:cluster/c"},
        {"Arn": "arn:aws:sqs:us-east-1:1:q", "InputTransformer": {"InputTemplate": '"x"'}},
    ],
)
def test_a_target_that_cannot_be_reached_here_is_refused(account: Account, target: dict[str, Any]) -> None:
    events = account.client("events")
    events.put_rule(Name="refused", EventPattern='{"source": ["shop"]}')
    said = refusal(events.put_targets, Rule="refused", Targets=[{"Id": "t"} | target])
    assert "does not deliver events" in said


def test_a_scheduled_rule_fires_again_and_again_until_it_is_disabled(account: Account) -> None:
    queue, arn = account.queue("ticks")
    events = account.client("events")
    rule = events.put_rule(Name="clock", ScheduleExpression="rate(15 minutes)")["RuleArn"]
    let_in = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": rule}},
    }
    account.client("sqs").set_queue_attributes(QueueUrl=queue, Attributes={"Policy": document(let_in)})
    events.put_targets(Rule="clock", Targets=[{"Id": "target", "Arn": arn}])
    ticks: list[dict[str, Any]] = []

    def came_twice() -> bool:
        ticks.extend(json.loads(body) for body in account.bodies(queue))
        return len(ticks) >= 2

    eventually(came_twice)
    assert {(tick["source"], tick["detail-type"], tick["resources"][0]) for tick in ticks} == {
        ("aws.events", "Scheduled Event", rule)
    }
    events.disable_rule(Name="clock")
    account.bodies(queue)
    events.remove_targets(Rule="clock", Ids=["target"])
    events.delete_rule(Name="clock")


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("cron(0 12 * * ? *)", "not cron"),
        ("rate(1 minutes)", "ScheduleExpression is not valid"),
        ("rate(0 minutes)", "ScheduleExpression is not valid"),
        ("every day", "ScheduleExpression is not valid"),
    ],
)
def test_a_schedule_that_is_no_rate_is_refused(account: Account, expression: str, said: str) -> None:
    assert said in refusal(account.client("events").put_rule, Name="clock", ScheduleExpression=expression)
