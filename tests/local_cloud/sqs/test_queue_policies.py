"""What a queue's own policy refuses, it refuses to everybody in the account."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_cloud.account import ACCOUNT_ID
from local_cloud.cloud import Cloud
from tests.support.account import Account, allow

SERVICE = "servicecatalog.amazonaws.com"


def statement(effect: str, principal: Any, **condition: str) -> dict[str, Any]:
    return {
        "Effect": effect,
        "Principal": principal,
        "Action": "sqs:SendMessage",
        "Resource": "*",
        "Condition": {"StringEquals": {key.replace("_", ":"): value for key, value in condition.items()}},
    }


ACCOUNT = {"aws_PrincipalAccount": ACCOUNT_ID}
LET_IN = statement("Allow", {"Service": SERVICE}, aws_SourceAccount=ACCOUNT_ID)


@pytest.fixture
def closed(account: Account) -> str:
    """A queue that lets a service in and refuses the principals of the account."""
    statements = [LET_IN, statement("Deny", "*", **ACCOUNT)]
    url, _ = account.queue("closed", Policy=json.dumps({"Statement": statements}))
    return url


def sends(sqs: Any, url: str) -> str:
    """Send, alone and in a batch. Returns how both were refused."""
    refused = []
    for send, how in (
        (sqs.send_message, {"MessageBody": "hello"}),
        (sqs.send_message_batch, {"Entries": [{"Id": "1", "MessageBody": "hello"}]}),
    ):
        try:
            send(QueueUrl=url, **how)
        except ClientError as error:
            refused.append(f"{error.response['Error']['Code']}: {error.response['Error']['Message']}")
    assert len(refused) in (0, 2)
    return " ".join(refused)


def test_a_deny_for_the_account_holds_for_its_administrator_and_for_a_role_that_may_do_everything(
    cloud: Cloud, account: Account, closed: str
) -> None:
    role = account.role("Everything", "lambda.amazonaws.com", allow("*"))
    of_role = cloud.identity.client("sqs", role, principal="lambda.amazonaws.com")
    for sqs in (cloud.client("sqs"), of_role):
        refusal = sends(sqs, closed)
        assert "AccessDenied" in refusal
        assert "not authorized to perform: sqs:SendMessage on resource: arn:aws:sqs:" in refusal
        assert "explicit deny in a resource-based policy" in refusal
        sqs.get_queue_attributes(QueueUrl=closed)  # nothing else is refused


def test_a_service_that_the_policy_lets_in_is_no_principal_of_the_account(cloud: Cloud, closed: str) -> None:
    assert sends(cloud.identity.client("sqs", principal=SERVICE), closed) == ""


def test_a_service_gets_in_by_the_policy_alone(cloud: Cloud, account: Account) -> None:
    url, _ = account.queue("open")
    assert sends(cloud.client("sqs"), url) == ""
    assert "AccessDenied" in sends(cloud.identity.client("sqs", principal=SERVICE), url)
