"""State "Subscribe ops emails"."""

from __future__ import annotations

from typing import Any

import msgspec
from aws_lambda_powertools.utilities.typing import LambdaContext
from engine.entry_point import CLIENT_CONFIG, entry_point
from engine.models import SubscribeRequest
from engine.record import confirmed_session
from engine.topic import reconcile

from subscribe.announcement import announce


@entry_point
def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Return each ops email with the status of its subscription, and announce an update."""
    request = msgspec.convert(event, SubscribeRequest)
    session = confirmed_session(request, context)
    sns = session.client("sns", config=CLIENT_CONFIG)
    subscriptions = reconcile(sns, request.topic_arn, request.ops_emails)
    announce(sns, request, subscriptions)
    return {"subscriptions": [subscription.to_json() for subscription in subscriptions]}
