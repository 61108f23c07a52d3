"""State "Subscribe ops emails"."""

from __future__ import annotations

from typing import Any

import msgspec
from aws_lambda_powertools.utilities.typing import LambdaContext
from engine.entry_point import CLIENT_CONFIG, entry_point
from engine.launch_role import assume, sts
from engine.models import SubscribeRequest
from engine.topic import reconcile

from subscribe.announcement import announce


@entry_point
def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Return each ops email and how its subscription stands, and tell of an update."""
    request = msgspec.convert(event, SubscribeRequest)
    session = assume(sts(), request.read_message().launch_role_arn, request.record_id)
    sns = session.client("sns", config=CLIENT_CONFIG)
    subscriptions = reconcile(sns, request.topic_arn, request.ops_emails)
    announce(sns, request, subscriptions)
    return {"subscriptions": [subscription.to_json() for subscription in subscriptions]}
