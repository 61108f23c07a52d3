"""The email subscriptions of the SNS topic that gets the alarms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.models import Subscription

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

_PENDING = "PendingConfirmation"


def reconcile(sns: SNSClient, topic_arn: str, emails: list[str]) -> list[Subscription]:
    """Subscribe `emails` to a topic, unsubscribe all other emails, and return the status of each.

    The engine takes every email subscription of the topic for its own and leaves other protocols alone. SNS
    has no call that removes an unconfirmed subscription: it expires by itself.
    """
    wanted = {email.strip().lower(): email.strip() for email in emails if email.strip()}
    present = _email_subscriptions(sns, topic_arn)
    result = []
    for address, email in wanted.items():
        if address not in present:
            sns.subscribe(TopicArn=topic_arn, Protocol="email", Endpoint=email)
            result.append(Subscription(email=email, status="pending confirmation"))
        elif _PENDING in present[address]:
            result.append(Subscription(email=email, status="pending confirmation"))
        else:
            result.append(Subscription(email=email, status="already subscribed"))
    for address in present.keys() - wanted.keys():
        confirmed = [arn for arn in present[address] if arn != _PENDING]
        for arn in confirmed:
            sns.unsubscribe(SubscriptionArn=arn)
        status = "unsubscribed" if confirmed else "removed, but was never confirmed: expires by itself"
        result.append(Subscription(email=address, status=status))
    return result


def _email_subscriptions(sns: SNSClient, topic_arn: str) -> dict[str, list[str]]:
    """Return the ARNs of the email subscriptions by the email in lower case."""
    found: dict[str, list[str]] = {}
    for page in sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic_arn):
        for subscription in page["Subscriptions"]:
            if subscription["Protocol"] == "email" and subscription["SubscriptionArn"] != "Deleted":
                found.setdefault(subscription["Endpoint"].lower(), []).append(subscription["SubscriptionArn"])
    return found
