"""The message to the alert topic about an update."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.change_report import by_verb
from engine.models import SubscribeRequest, Subscription

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient


def announce(sns: SNSClient, request: SubscribeRequest, subscriptions: list[Subscription]) -> None:
    """Tell the alert topic what an update has changed, resource by resource; nothing if it has changed none.

    SNS has nothing like a request token for such a topic: should the state try again after SNS has taken the
    message, it arrives twice, with the same record id.
    """
    if request.kind != "UPDATE" or not request.changes:
        return
    message = request.read_message()
    lines = [
        f"{message.provisioned_product_name} ({request.provisioned_product_id}) was updated and has version "
        f"{request.product_version} now.",
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
        # At most 100 characters, all of them ASCII (API reference, Publish), as a product's name is.
        Subject=f"{message.provisioned_product_name[:80]} was updated",
        Message="\n".join(lines),
    )
