import json
from typing import Any

import pytest

from local_cloud.iam.policies import Caller, UnsupportedPolicyError, identity_allows, resource_allows

QUEUE = "arn:aws:sqs:us-east-1:123456789012:orders"
SENDER = Caller("123456789012", "arn:aws:iam::123456789012:role/sender")
EVENTS = Caller(
    service="events.amazonaws.com",
    context={
        "aws:SourceArn": "arn:aws:events:us-east-1:1:rule/r",
        "kms:ResourceAliases": "alias/key-one,alias/two",
    },
)


def allows(caller: Caller, *statements: dict[str, Any]) -> bool:
    document = json.dumps(
        {"Statement": [{"Effect": "Allow", "Resource": QUEUE} | each for each in statements]}
    )
    return resource_allows(document, "sqs:SendMessage", QUEUE, caller)


def test_nothing_is_allowed_that_no_statement_names() -> None:
    assert not resource_allows(None, "sqs:SendMessage", QUEUE, SENDER)
    assert not allows(SENDER, {"Principal": {"AWS": SENDER.arn}, "Action": "sqs:ReceiveMessage"})
    assert not allows(SENDER, {"Principal": {"AWS": SENDER.arn}, "Action": "sqs:*", "Resource": QUEUE + "-2"})
    assert not allows(SENDER, {"Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:*"})


@pytest.mark.usefixtures("cloud")
def test_who_has_a_role_that_was_deleted_may_do_nothing() -> None:
    assert not identity_allows(SENDER.arn, "sqs:SendMessage", QUEUE, SENDER)


def test_a_deny_wins_over_every_allow() -> None:
    everybody = {"Principal": "*", "Action": "sqs:*"}
    assert allows(SENDER, everybody)
    assert not allows(SENDER, everybody, everybody | {"Effect": "Deny"})


@pytest.mark.parametrize("principal", [SENDER.arn, "123456789012", "arn:aws:iam::123456789012:root", "*"])
def test_a_role_is_named_by_its_arn_or_by_its_account(principal: str) -> None:
    assert allows(SENDER, {"Principal": {"AWS": principal}, "Action": "SQS:SendMessage"})


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"ArnLike": {"aws:SourceArn": "arn:aws:events:*:*:rule/r"}}, True),
        ({"ArnEquals": {"AWS:SourceArn": ["arn:aws:events:us-east-1:1:rule/r"]}}, True),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:events:*:*:rule/other"}}, False),
        ({"StringNotLike": {"aws:SourceArn": "arn:aws:sns:*"}}, True),
        ({"StringEquals": {"aws:SourceAccount": "1"}}, False),
        ({"StringEqualsIfExists": {"aws:SourceAccount": "1"}}, True),
        ({"StringNotEquals": {"aws:SourceAccount": "1"}}, True),
        ({"Null": {"aws:SourceAccount": "true"}}, True),
        ({"ForAnyValue:StringLike": {"kms:ResourceAliases": "alias/key-*"}}, True),
        ({"ForAnyValue:StringEquals": {"kms:ResourceAliases": ["alias/two", "alias/key-one"]}}, True),
        ({"ForAnyValue:StringLike": {"kms:ResourceAliases": "alias/other-*"}}, False),
        ({"ForAnyValue:StringLike": {"kms:RequestAlias": "*"}}, False),
    ],
)
def test_conditions_are_read_as_iam_reads_them(condition: dict[str, Any], holds: bool) -> None:
    statement = {
        "Principal": {"Service": EVENTS.service},
        "Action": "sqs:SendMessage",
        "Condition": condition,
    }
    assert allows(EVENTS, statement) is holds


@pytest.mark.parametrize(
    "statement",
    [
        {"Principal": "*", "Action": "*", "Condition": {"DateLessThan": {"aws:CurrentTime": "2030-01-01"}}},
        {
            "Principal": "*",
            "Action": "*",
            "Condition": {"StringLike": {"aws:SourceArn": "${aws:PrincipalArn}"}},
        },
        {"Principal": "*", "Action": "*", "Condition": {"ForAllValues:StringLike": {"aws:TagKeys": "*"}}},
        {"NotPrincipal": "*", "Action": "*"},
    ],
)
def test_what_cannot_be_evaluated_neither_allows_nor_denies(statement: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedPolicyError):
        allows(EVENTS, statement)
