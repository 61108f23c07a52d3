"""The message about an update to the alert topic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.change_report import by_verb
from engine.models import SubscribeRequest, Subscription

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient


def announce(sns: SNSClient, request: SubscribeRequest, subscriptions: list[Subscription]) -> None:
    """Publish an update's changes to the alert topic, resource by resource, if there are any.

    Publish takes no request token for a standard topic. If the state tries again after SNS has taken the
    message, it arrives twice, with the same record id.
    """
    if request.kind != "UPDATE" or not request.changes:
        return
    message = request.read_message()
    lines = [
        f"{message.provisioned_product_name} ({request.provisioned_product_id}) was updated and now has "
        f"version {request.product_version}.",
        "",
        *(
            f"{verb}: {resource}"
            for verb, resources in by_verb(request.changes).items()
            for resource in resources
        ),
        "",
        "Alerts go to:",
        *(f"{subscription.email}: {subscription.status}" for subscription in subscriptions),
        "",
        f"Service Catalog record {request.record_id}, CloudFormation stack {request.stack_name}",
    ]
    sns.publish(
        TopicArn=request.topic_arn,
        # Publish takes at most 100 ASCII characters. The name of a provisioned product is ASCII.
        Subject=f"{message.provisioned_product_name[:80]} was updated",
        Message="\n".join(lines),
    )
