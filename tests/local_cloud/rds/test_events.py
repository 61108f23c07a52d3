"""RDS's events reach the topics of event subscriptions.

Sources: RDS User Guide, "Amazon RDS event categories and event messages" and "Granting permissions to publish
notifications to an Amazon SNS topic"; RDS API Reference, CreateEventSubscription and EventSubscription;
Lambda Developer Guide, "Using AWS Lambda with Amazon RDS".
"""

import itertools
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from local_cloud.cloud import Cloud
from local_cloud.sns.mailbox import Mail
from tests.support.account import ACCOUNT, Account, document, eventually, refusal
from tests.support.rds import available, create, delete, described

ADDRESS = "dba@example.com"
INSTANCE = f"arn:aws:rds:us-east-1:{ACCOUNT}:db:watched"
NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def speed() -> float:
    return 6_000


@pytest.fixture(scope="module", autouse=True)
def instances(rds: Any) -> Iterator[None]:
    for name in ("watched", "other"):
        create(rds, name, BackupRetentionPeriod=0)
    for name in ("watched", "other"):
        available(rds, name)
    yield
    for name in ("watched", "other"):
        delete(rds, name)


@pytest.fixture
def topic(account: Account) -> str:
    """A topic with a confirmed address, which lets RDS publish for the instance "watched" alone."""
    sns = account.client("sns")
    arn = str(sns.create_topic(Name=f"alerts-{next(NUMBERS)}")["TopicArn"])
    sns.subscribe(TopicArn=arn, Protocol="email", Endpoint=ADDRESS)
    token = account.cloud.mailbox.to(ADDRESS)[-1].todo.split()[-1]
    sns.confirm_subscription(TopicArn=arn, Token=token)
    let_in(account, arn, INSTANCE)
    return arn


def let_in(account: Account, topic: str, source_arn: str) -> None:
    """Let RDS publish to a topic for a source, as the user guide's example does."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.rds.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": topic,
        "Condition": {
            "ArnLike": {"aws:SourceArn": source_arn},
            "StringEquals": {"aws:SourceAccount": ACCOUNT},
        },
    }
    account.client("sns").set_topic_attributes(
        TopicArn=topic, AttributeName="Policy", AttributeValue=document(statement)
    )


@pytest.fixture
def subscribe(rds: Any, topic: str) -> Iterator[Any]:
    """Subscribe the topic to events of the instance "watched", or as told."""
    names = []

    def subscribed(**changes: Any) -> str:
        names.append(f"events-{next(NUMBERS)}")
        request = {"SnsTopicArn": topic, "SourceType": "db-instance", "SourceIds": ["watched"]} | changes
        rds.create_event_subscription(SubscriptionName=names[-1], **request)
        return names[-1]

    yield subscribed
    for name in names:
        rds.delete_event_subscription(SubscriptionName=name)


def reboot(rds: Any, name: str) -> None:
    rds.reboot_db_instance(DBInstanceIdentifier=name)
    available(rds, name)


@pytest.fixture
def mails(cloud: Cloud) -> Any:
    """Return the mails of RDS that came since the test began, without the first one of each subscription."""
    before = len(cloud.mailbox.to(ADDRESS))

    def told() -> list[Mail]:
        came = cloud.mailbox.to(ADDRESS)[before:]
        return [mail for mail in came if mail.subject == "RDS Notification Message" and mail.body[0] == "{"]

    return told


def said(mails: list[Mail]) -> list[tuple[str, str]]:
    return [(fact["Source ID"], fact["Event Message"]) for fact in (json.loads(one.body) for one in mails)]


def test_the_first_message_of_a_subscription_announces_the_others(
    cloud: Cloud, topic: str, subscribe: Any
) -> None:
    subscribe()
    assert cloud.mailbox.to(ADDRESS)[-1].body == (
        "This is a message to notify that RDS will attempt to send you event notifications of type "
        f"db-instance to the topic {topic}."
    )


def test_an_event_becomes_a_mail_in_the_form_of_rds(rds: Any, subscribe: Any, mails: Any) -> None:
    subscribe()
    reboot(rds, "watched")
    [mail] = mails()
    facts = json.loads(mail.body)
    assert facts.pop("Event Time").count(":") == 2
    assert facts == {
        "Event Source": "db-instance",
        "Identifier Link": "https://console.aws.amazon.com/rds/home?region=us-east-1#dbinstance:id=watched",
        "Source ID": "watched",
        "Source ARN": INSTANCE,
        "Event ID": "http://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Events.html#RDS-EVENT-0006",
        "Event Message": "DB instance restarted",
    }


def test_a_subscription_gets_the_events_of_its_sources_and_categories_while_it_is_enabled(
    rds: Any, subscribe: Any, mails: Any
) -> None:
    name = subscribe(EventCategories=["availability"])
    reboot(rds, "other")
    rds.modify_db_instance(
        DBInstanceIdentifier="watched", DBInstanceClass="db.r6g.xlarge", ApplyImmediately=True
    )
    available(rds, "watched")
    assert mails() == []

    reboot(rds, "watched")
    rds.modify_event_subscription(SubscriptionName=name, Enabled=False)
    reboot(rds, "watched")
    assert said(mails()) == [("watched", "DB instance restarted")]


def test_a_subscription_without_sources_gets_the_events_of_all_of_the_type(
    rds: Any, account: Account, topic: str, subscribe: Any, mails: Any
) -> None:
    let_in(account, topic, f"arn:aws:rds:us-east-1:{ACCOUNT}:*")
    subscribe(SourceIds=[])
    reboot(rds, "other")
    reboot(rds, "watched")
    assert said(mails()) == [("other", "DB instance restarted"), ("watched", "DB instance restarted")]


def test_a_changed_parameter_is_an_event_of_its_group(
    rds: Any, account: Account, topic: str, subscribe: Any, mails: Any
) -> None:
    rds.create_db_parameter_group(
        DBParameterGroupName="group16", DBParameterGroupFamily="postgres16", Description="d"
    )
    let_in(account, topic, f"arn:aws:rds:us-east-1:{ACCOUNT}:pg:group16")
    subscribe(SourceType="db-parameter-group", SourceIds=["group16"])
    parameter = {"ParameterName": "log_lock_waits", "ParameterValue": "1", "ApplyMethod": "immediate"}
    rds.modify_db_parameter_group(DBParameterGroupName="group16", Parameters=[parameter])
    assert said(mails()) == [("group16", "Updated parameter log_lock_waits to 1 with apply method immediate")]


def test_a_subscription_is_not_created_for_a_topic_that_does_not_let_rds_in(
    rds: Any, topic: str, subscribe: Any
) -> None:
    request = {"SubscriptionName": "refused", "SourceType": "db-instance", "SourceIds": ["other"]}
    refused = refusal(rds.create_event_subscription, SnsTopicArn=topic, **request)
    assert refused.startswith("SNSNoAuthorization: ")
    assert refusal(rds.create_event_subscription, SnsTopicArn=f"{topic}0", **request).startswith(
        "SNSTopicArnNotFound: "
    )
    names = [
        one["CustSubscriptionId"] for one in rds.describe_event_subscriptions()["EventSubscriptionsList"]
    ]
    assert "refused" not in names

    name = subscribe()
    changed = {"SubscriptionName": name, "SnsTopicArn": f"{topic}0"}
    assert "SNSTopicArnNotFound" in refusal(rds.modify_event_subscription, **changed)
    [kept] = rds.describe_event_subscriptions(SubscriptionName=name)["EventSubscriptionsList"]
    assert kept["SnsTopicArn"] == topic


def test_an_event_is_lost_if_the_key_of_the_topic_keeps_rds_out_and_the_subscription_says_so(
    rds: Any,
    account: Account,
    topic: str,
    subscribe: Any,
    mails: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    name = subscribe()
    key = account.client("kms").create_key()["KeyMetadata"]["Arn"]
    set_topic = account.client("sns").set_topic_attributes
    set_topic(TopicArn=topic, AttributeName="KmsMasterKeyId", AttributeValue=key)

    with caplog.at_level(logging.WARNING):
        reboot(rds, "watched")

    assert mails() == []
    assert "the event RDS-EVENT-0006 of watched is lost" in caplog.text
    [found] = rds.describe_event_subscriptions(SubscriptionName=name)["EventSubscriptionsList"]
    assert found["Status"] == "no-permission"
    set_topic(TopicArn=topic, AttributeName="KmsMasterKeyId", AttributeValue="")
    reboot(rds, "watched")
    [found] = rds.describe_event_subscriptions(SubscriptionName=name)["EventSubscriptionsList"]
    assert (found["Status"], len(mails())) == ("active", 1)


def test_storage_that_runs_out_is_told(rds: Any, cloud: Cloud, subscribe: Any, mails: Any) -> None:
    subscribe(EventCategories=["low storage"])
    size = described(rds, "watched")["AllocatedStorage"] * 2**30
    cloud.faults.database.set_free_storage("watched", size // 5)
    assert mails() == []
    cloud.faults.database.set_free_storage("watched", size // 20)
    cloud.faults.database.set_status("watched", "storage-full")
    cloud.faults.database.clear()
    assert said(mails()) == [
        (
            "watched",
            "The free storage capacity for DB instance: watched is low at 5% of the provisioned storage "
            "[Provisioned Storage: 50.00 GB, Free Storage: 2.50 GB]. You may want to increase the "
            "provisioned storage to address this issue.",
        ),
        ("watched", "Allocated storage has been exhausted. Allocate additional storage to resolve."),
    ]


def test_events_go_on_to_an_address_that_filters_by_message_attributes(
    rds: Any, account: Account, topic: str, subscribe: Any, mails: Any
) -> None:
    subscribe()
    sns = account.client("sns")
    [subscription] = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    sns.set_subscription_attributes(
        SubscriptionArn=subscription["SubscriptionArn"],
        AttributeName="FilterPolicy",
        AttributeValue=json.dumps({"EventID": ["RDS-EVENT-0088"]}),
    )
    rds.stop_db_instance(DBInstanceIdentifier="watched")
    assert eventually(lambda: described(rds, "watched")["DBInstanceStatus"] == "stopped")
    rds.start_db_instance(DBInstanceIdentifier="watched")
    available(rds, "watched")
    assert said(mails()) == [("watched", "DB instance started")]
