import json
from typing import Any

import msgspec
import pytest
from botocore.stub import Stubber
from engine import record
from engine.errors import OutputMissingError
from engine.models import SubscribeRequest, Subscription
from engine.topic import reconcile
from subscribe.announcement import announce
from subscribe.handler import handle


@pytest.fixture
def sns(aws: Any) -> Any:
    return aws("sns")


@pytest.fixture
def topic(sns: Any) -> Any:
    return sns.create_topic(Name="alerts-dev")["TopicArn"]


def emails(sns: Any, topic: str) -> Any:
    found = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    return sorted(each["Endpoint"] for each in found if each["Protocol"] == "email")


def statuses(result: Any) -> Any:
    return {subscription.email: subscription.status for subscription in result}


def test_missing_emails_are_subscribed_and_removed_ones_unsubscribed(sns: Any, topic: str) -> None:
    reconcile(sns, topic, ["a@example.com", "b@example.com"])
    result = reconcile(sns, topic, ["b@example.com", "c@example.com"])
    assert emails(sns, topic) == ["b@example.com", "c@example.com"]
    assert statuses(result) == {
        "a@example.com": "unsubscribed",
        "b@example.com": "already subscribed",
        "c@example.com": "pending confirmation",
    }


def test_an_email_counts_once_whatever_its_case_and_blanks(sns: Any, topic: str) -> None:
    result = reconcile(sns, topic, ["Ops@Example.com", " ops@example.com ", ""])
    assert len(result) == 1
    assert emails(sns, topic) == ["ops@example.com"]
    assert statuses(reconcile(sns, topic, ["OPS@EXAMPLE.COM"])) == {"OPS@EXAMPLE.COM": "already subscribed"}


def test_other_protocols_are_left_alone(sns: Any, topic: str) -> None:
    queue = "arn:aws:sqs:us-east-1:123456789012:alerts"
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    reconcile(sns, topic, ["a@example.com"])
    reconcile(sns, topic, [])
    (left,) = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert left["Endpoint"] == queue


def test_all_pages_of_subscriptions_are_seen(sns: Any, topic: str) -> None:
    many = [f"user{number}@example.com" for number in range(120)]
    reconcile(sns, topic, many)
    assert set(statuses(reconcile(sns, topic, many)).values()) == {"already subscribed"}


def test_what_nobody_confirmed_stays_pending_and_can_not_be_removed(stubbed: Any) -> None:
    # GIVEN two subscriptions that nobody has confirmed
    topic = "arn:aws:sns:us-east-1:123456789012:alerts-dev"
    sns, stub = stubbed("sns")
    pending = [
        {"SubscriptionArn": "PendingConfirmation", "Protocol": "email", "Endpoint": email, "TopicArn": topic}
        for email in ("kept@example.com", "removed@example.com")
    ]
    stub.add_response("list_subscriptions_by_topic", {"Subscriptions": pending}, {"TopicArn": topic})
    # WHEN one of them is no longer wanted, THEN nothing more is asked of SNS
    assert statuses(reconcile(sns, topic, ["kept@example.com"])) == {
        "kept@example.com": "pending confirmation",
        "removed@example.com": "removed, but was never confirmed: expires by itself",
    }


def test_the_state_gets_each_email_and_how_it_stands(topic: str, request_of: Any, context: Any) -> None:
    # GIVEN an operation that Service Catalog confirms
    request = request_of(
        "provision",
        parameters={"OpsEmails": "a@example.com,b@example.com"},
        outputs=[{"key": "AlertTopicArn", "value": topic, "description": ""}],
        productVersion="1.2.0",
        changes=[],
    )
    confirmed = {
        "Status": "IN_PROGRESS",
        "RecordType": "PROVISION_PRODUCT",
        "ProvisionedProductId": request["provisionedProductId"],
        "ProductId": request["message"]["productId"],
        "ProvisioningArtifactId": request["message"]["provisioningArtifactId"],
    }
    with Stubber(record.servicecatalog()) as catalog:
        catalog.add_response("describe_record", {"RecordDetail": confirmed}, {"Id": request["recordId"]})
        # WHEN the state is entered THEN each email is subscribed
        assert handle(request, context) == {
            "subscriptions": [
                {"email": "a@example.com", "status": "pending confirmation"},
                {"email": "b@example.com", "status": "pending confirmation"},
            ]
        }


def test_a_stack_without_the_topic_output_is_a_fault_of_the_version(request_of: Any) -> None:
    request = msgspec.convert(
        request_of("provision", parameters={}, productVersion=None, outputs=[], changes=[]), SubscribeRequest
    )
    with pytest.raises(OutputMissingError, match="has no output AlertTopicArn"):
        _ = request.topic_arn


CHANGES = [
    {"logicalId": "Database", "type": "T", "action": "Modify", "properties": ["EngineVersion", "Tags"]},
    {"logicalId": "Dashboard", "type": "T", "action": "Add"},
]


@pytest.fixture
def announced(sns: Any, aws: Any, topic: str, request_of: Any) -> Any:
    """Announce an operation and return what a subscriber of the topic gets."""
    sqs = aws("sqs")
    url = sqs.create_queue(QueueName="inbox")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    def announced(name: str, changes: Any) -> list[Any]:
        request = request_of(
            name,
            parameters={},
            productVersion="1.2.0",
            outputs=[{"key": "AlertTopicArn", "value": topic}],
            changes=changes,
        )
        announce(
            sns,
            msgspec.convert(request, SubscribeRequest),
            [Subscription(email="a@example.com", status="already subscribed")],
        )
        return [json.loads(one["Body"]) for one in sqs.receive_message(QueueUrl=url).get("Messages", [])]

    return announced


def test_an_update_is_told_resource_by_resource(announced: Any, event: Any) -> None:
    message = event("update")
    name, product = message["provisionedProductName"], message["provisionedProductId"]
    [mail] = announced("update", CHANGES)
    assert mail["Subject"] == f"{name} was updated"
    assert mail["Message"].splitlines() == [
        f"{name} ({product}) was updated and now has version 1.2.0.",
        "",
        "changed: Database (EngineVersion, Tags)",
        "added: Dashboard",
        "",
        "Alerts go to:",
        "a@example.com: already subscribed",
        "",
        f"Service Catalog record {message['recordId']}, CloudFormation stack TapStack-{product}",
    ]


@pytest.mark.parametrize(("name", "changes"), [("update", []), ("provision", CHANGES)])
def test_nobody_is_told_of_an_update_without_changes_or_of_a_launch(
    announced: Any, name: str, changes: Any
) -> None:
    assert announced(name, changes) == []
