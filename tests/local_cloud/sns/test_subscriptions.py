import itertools
import json
from collections.abc import Iterator
from urllib.request import urlopen

import pytest

from local_cloud.sns import models as sns_models
from local_cloud.sns.mailbox import Mail
from tests.support.account import ACCOUNT, Account, allow, document, eventually, refusal

ADDRESS = "ops@example.com"
NUMBERS = itertools.count()


@pytest.fixture
def topic(account: Account) -> Iterator[str]:
    sns = account.client("sns")
    arn = sns.create_topic(Name=f"topic-{next(NUMBERS)}")["TopicArn"]
    yield arn
    sns.delete_topic(TopicArn=arn)


def subscribe(account: Account, topic: str, **more: bool) -> str:
    answer = account.client("sns").subscribe(TopicArn=topic, Protocol="email", Endpoint=ADDRESS, **more)
    return str(answer["SubscriptionArn"])


def mails(account: Account, topic: str) -> list[Mail]:
    return [mail for mail in account.cloud.mailbox.to(ADDRESS) if topic in mail.body + mail.todo]


def confirm(account: Account, topic: str) -> str:
    token = mails(account, topic)[-1].todo.split()[-1]
    return str(account.client("sns").confirm_subscription(TopicArn=topic, Token=token)["SubscriptionArn"])


def listed(account: Account, topic: str) -> list[str]:
    found = account.client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    return [subscription["SubscriptionArn"] for subscription in found]


def test_a_subscription_is_pending_until_the_token_from_the_mail_confirms_it(
    account: Account, topic: str
) -> None:
    assert subscribe(account, topic) == "pending confirmation"
    assert listed(account, topic) == ["PendingConfirmation"]
    arn = confirm(account, topic)
    assert arn.startswith(f"{topic}:")
    assert listed(account, topic) == [arn]
    attributes = account.client("sns").get_topic_attributes(TopicArn=topic)["Attributes"]
    assert (attributes["SubscriptionsPending"], attributes["SubscriptionsConfirmed"]) == ("0", "1")


def test_subscribing_again_sends_another_mail_while_pending_and_gives_the_arn_afterwards(
    account: Account, topic: str
) -> None:
    pending_arn = subscribe(account, topic, ReturnSubscriptionArn=True)
    assert subscribe(account, topic) == "pending confirmation"
    assert len(mails(account, topic)) == 2
    assert listed(account, topic) == ["PendingConfirmation"]
    assert confirm(account, topic) == pending_arn == subscribe(account, topic)
    assert len(mails(account, topic)) == 2


def test_a_wrong_token_confirms_nothing(account: Account, topic: str) -> None:
    subscribe(account, topic)
    said = refusal(account.client("sns").confirm_subscription, TopicArn=topic, Token="guess")
    assert said == "InvalidParameter: Invalid parameter: Token"
    assert listed(account, topic) == ["PendingConfirmation"]


def test_only_a_confirmed_subscription_can_be_unsubscribed(account: Account, topic: str) -> None:
    unsubscribe = account.client("sns").unsubscribe
    arn = subscribe(account, topic, ReturnSubscriptionArn=True)
    prefix = "InvalidParameter: Invalid parameter: SubscriptionArn Reason: "
    pending = prefix + "Cannot unsubscribe a subscription that is pending confirmation"
    assert refusal(unsubscribe, SubscriptionArn=arn) == pending
    no_arn = prefix + "An ARN must have at least 6 elements, not 1"
    assert refusal(unsubscribe, SubscriptionArn="PendingConfirmation") == no_arn
    confirm(account, topic)
    unsubscribe(SubscriptionArn=arn)
    assert listed(account, topic) == []


def test_mail_goes_to_confirmed_addresses_only(account: Account, topic: str) -> None:
    sns = account.client("sns")
    subscribe(account, topic)
    sns.publish(TopicArn=topic, Message=f"early {topic}")
    confirm(account, topic)
    sns.publish(TopicArn=topic, Message=f"late {topic}", Subject="Alarm")
    received = [(mail.subject, mail.body) for mail in mails(account, topic) if not mail.todo]
    assert received == [("Alarm", f"late {topic}")]


def test_the_mailbox_can_be_read_with_curl(account: Account, topic: str) -> None:
    subscribe(account, topic)
    with urlopen(f"{account.cloud.endpoint}/_local/mailbox") as page:
        newest = json.load(page)[-1]
    assert newest["to"] == ADDRESS
    assert newest["todo"].startswith(f"aws sns confirm-subscription --topic-arn {topic} --token ")


@pytest.mark.parametrize(("protocol", "endpoint"), [("email", "nobody"), ("sms", "+491701234567")])
def test_an_endpoint_that_gets_no_mail_is_refused(
    account: Account, topic: str, protocol: str, endpoint: str
) -> None:
    said = refusal(account.client("sns").subscribe, TopicArn=topic, Protocol=protocol, Endpoint=endpoint)
    assert said.startswith("InvalidParameter: ")


def test_an_aws_service_needs_the_policies_of_the_topic_and_of_its_key(account: Account, topic: str) -> None:
    sns, kms = account.client("sns"), account.client("kms")
    alarms = account.cloud.identity.client("sns", principal="cloudwatch.amazonaws.com")
    service = {"Effect": "Allow", "Principal": {"Service": "cloudwatch.amazonaws.com"}, "Resource": "*"}
    assert refusal(alarms.publish, TopicArn=topic, Message="m").startswith("AuthorizationError: ")
    policy = document(service | {"Action": "sns:Publish"})
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
    alarms.publish(TopicArn=topic, Message="m")
    owner = {"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*"}
    key = kms.create_key(Policy=document(service | owner))["KeyMetadata"]["KeyId"]
    sns.set_topic_attributes(TopicArn=topic, AttributeName="KmsMasterKeyId", AttributeValue=key)
    assert "kms:GenerateDataKey" in refusal(alarms.publish, TopicArn=topic, Message="m")
    uses = service | {"Action": ["kms:GenerateDataKey*", "kms:Decrypt"]}
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=document(service | owner, uses))
    alarms.publish(TopicArn=topic, Message="m")


def test_a_role_that_publishes_to_an_encrypted_topic_uses_its_key(account: Account, topic: str) -> None:
    key = account.client("kms").create_key()["KeyMetadata"]["Arn"]
    account.client("sns").set_topic_attributes(
        TopicArn=topic, AttributeName="KmsMasterKeyId", AttributeValue=key
    )
    publish = allow("sns:Publish", resource=topic)
    role = account.role("publisher", "lambda.amazonaws.com", publish)
    sns = account.cloud.identity.client("sns", role, principal="lambda.amazonaws.com")
    assert refusal(sns.publish, TopicArn=topic, Message="m").startswith("KMSAccessDenied: ")
    by_way_of_sns = {"StringEquals": {"kms:ViaService": "sns.us-east-1.amazonaws.com"}}
    uses = allow("kms:GenerateDataKey", "kms:Decrypt", resource=key) | {"Condition": by_way_of_sns}
    account.client("iam").put_role_policy(
        RoleName="publisher", PolicyName="inline", PolicyDocument=document(publish, uses)
    )
    sns.publish(TopicArn=topic, Message="m")


def test_what_nobody_confirms_within_two_days_is_gone(
    account: Account, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscribe(account, topic)
    monkeypatch.setattr(sns_models, "SHORTEST_PENDING", 0)
    monkeypatch.setattr(account.cloud.clock, "speed", 48 * 3600 * 20)
    eventually(lambda: listed(account, topic) == [])
