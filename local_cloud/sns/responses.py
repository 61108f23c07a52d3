"""SNS's API over HTTP: pending subscriptions, and who may publish."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from moto.core.responses import ActionResult
from moto.sns.models import Subscription
from moto.sns.responses import SNSResponse

from ..iam.trust import caller_of
from .models import LocalSNS, check_arn, is_pending
from .topic_policy import check_role, check_service

PAGE = 100


class LocalSNSResponse(SNSResponse):
    """Shows which subscriptions are pending. Checks the policies of a topic before it publishes."""

    @property
    def backend(self) -> LocalSNS:
        """The SNS of the account."""
        found = super().backend
        assert isinstance(found, LocalSNS)
        return found

    def subscribe(self) -> ActionResult:
        """Subscribe. The answer has the ARN if the subscription is confirmed or the caller asks for it."""
        made: Any = super().subscribe().result
        subscription = self.backend.subscriptions[made["SubscriptionArn"]]
        if is_pending(subscription) and not self._get_param("ReturnSubscriptionArn"):
            return ActionResult({"SubscriptionArn": "pending confirmation"})
        return ActionResult(made)

    def confirm_subscription(self) -> ActionResult:
        """Confirm a subscription with the token from its mail."""
        subscription = self.backend.confirm(
            self._get_param("TopicArn"),
            self._get_param("Token"),
            self._get_param("AuthenticateOnUnsubscribe") == "true",
        )
        return ActionResult({"SubscriptionArn": subscription.arn})

    def list_subscriptions(self) -> ActionResult:
        """List all subscriptions."""
        self.backend.expire()
        return self._page(self.backend.subscriptions.values())

    def list_subscriptions_by_topic(self) -> ActionResult:
        """List the subscriptions to a topic."""
        self.backend.expire()
        topic = self.backend.get_topic(self._get_param("TopicArn"))
        return self._page(self.backend._get_topic_subscriptions(topic))

    def get_subscription_attributes(self) -> ActionResult:
        """Show a subscription."""
        self.backend.expire()
        check_arn(self._get_param("SubscriptionArn"))
        return super().get_subscription_attributes()

    def get_topic_attributes(self) -> ActionResult:
        """Show a topic, with the number of pending subscriptions."""
        self.backend.expire()
        topic = self.backend.get_topic(self._get_param("TopicArn"))
        pending = [is_pending(subscription) for subscription in self.backend._get_topic_subscriptions(topic)]
        topic.subscriptions_pending = sum(pending)
        topic.subscriptions_confimed = len(pending) - sum(pending)
        return super().get_topic_attributes()

    def publish(self) -> ActionResult:
        """Publish, if the policies of the topic and of its key allow it."""
        caller = caller_of(self.headers.get("Authorization", ""))
        topic = self.backend.topics.get(self._get_param("TopicArn") or self._get_param("TargetArn"))
        if caller.service and topic:
            check_service(topic, caller)
        elif topic and ":role/" in caller.arn:
            check_role(topic, caller)
        return super().publish()

    def _page(self, found: Iterable[Subscription]) -> ActionResult:
        start = int(self._get_param("NextToken") or 0)
        shown = [
            {
                "SubscriptionArn": "PendingConfirmation" if is_pending(subscription) else subscription.arn,
                "Owner": subscription.owner,
                "Protocol": subscription.protocol,
                "Endpoint": subscription.endpoint,
                "TopicArn": subscription.topic.arn,
            }
            for subscription in found
        ]
        page: dict[str, Any] = {"Subscriptions": shown[start : start + PAGE]}
        return ActionResult(page | {"NextToken": str(start + PAGE)} if start + PAGE < len(shown) else page)
