"""SNS: subscriptions that have to be confirmed, and who may publish, where moto lets in everybody."""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from moto.core.responses import ActionResult
from moto.sns.exceptions import SNSException, SNSInvalidParameter
from moto.sns.models import SNSBackend, Subscription, Topic, sns_backends
from moto.sns.responses import SNSResponse
from moto.sqs.models import sqs_backends

from ..account import ACCOUNT_ID, REGION
from ..iam.policies import Caller, resource_allows
from ..iam.resource_context import resource_context
from ..iam.trust import caller_of
from ..kms.key_policy import service_may_use
from ..kms.models import backend as kms
from ..world import World
from .mailbox import Mail

log = logging.getLogger(__name__)

# "Automatic deletion of unconfirmed subscriptions" (SNS, May 2023).
PENDING_SECONDS = 48 * 3600
ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
PAGE = 100


class AuthorizationError(SNSException):
    """A policy does not let the caller publish."""

    code = "AuthorizationError"


class KMSAccessDeniedError(SNSException):
    """The topic's key can't be used with the caller's rights."""

    code = "KMSAccessDenied"


def install(world: World) -> None:
    """Send confirmation mails, list what is pending as pending, and deliver only to who has confirmed."""
    world.pages["/_local/mailbox"] = world.mailbox.page

    def subscribe(self: SNSBackend, topic_arn: str, endpoint: str, protocol: str) -> Subscription:
        _expire(self, world)
        if protocol not in ("email", "sqs"):
            raise SNSInvalidParameter(f"Invalid parameter: the local cloud does not deliver by {protocol}")
        if protocol == "email" and not ADDRESS.fullmatch(endpoint):
            raise SNSInvalidParameter("Invalid parameter: Email address")
        subscription: Subscription = original_subscribe(self, topic_arn, endpoint, protocol)
        if protocol == "email" and not subscription.confirmed:
            _ask(world, subscription)
        return subscription

    def unsubscribe(self: SNSBackend, subscription_arn: str) -> None:
        _check_arn(subscription_arn)
        subscription = self.subscriptions.get(subscription_arn)
        if subscription and _pending(subscription):
            raise _invalid_arn("Cannot unsubscribe a subscription that is pending confirmation")
        if subscription:
            subscription.topic.subscriptions_deleted += 1
        original_unsubscribe(self, subscription_arn)

    def deliver(self: Subscription, message: str, message_id: str, **named: Any) -> None:
        if self.protocol == "sqs":
            if _queue_takes(self):
                original_deliver(self, message, message_id, **named)
            return
        matcher = self._filter_policy_matcher
        if _pending(self) or (matcher and not matcher.matches(named.get("message_attributes"), message)):
            return
        if named.get("message_structure") == "json":
            message = self._parse_message_structure(message, self.protocol)
        subject = named.get("subject") or "AWS Notification Message"
        world.mailbox.deliver(Mail(self.endpoint, subject, message))

    original_subscribe = world.patch(SNSBackend, "subscribe", subscribe)
    original_unsubscribe = world.patch(SNSBackend, "unsubscribe", unsubscribe)
    original_deliver = world.patch(Subscription, "publish", deliver)
    _answer_like_sns(world)


def _answer_like_sns(world: World) -> None:
    def subscribe(self: SNSResponse) -> ActionResult:
        original_subscribe(self)
        backend, names = self.backend, ("TopicArn", "Endpoint", "Protocol")
        subscription: Any = backend._find_subscription(*(self._get_param(name) for name in names))
        pending = _pending(subscription) and not self._get_param("ReturnSubscriptionArn")
        return ActionResult({"SubscriptionArn": "pending confirmation" if pending else subscription.arn})

    def confirm(self: SNSResponse) -> ActionResult:
        topic = self.backend.get_topic(self._get_param("TopicArn"))
        token = self._get_param("Token")
        for subscription in list(self.backend.subscriptions.values()):  # others subscribe meanwhile
            if subscription.topic is topic and token in getattr(subscription, "tokens", ()):
                subscription.confirmed = True
                subscription.attributes["PendingConfirmation"] = False
                authenticated = self._get_param("AuthenticateOnUnsubscribe") == "true"
                subscription.attributes["ConfirmationWasAuthenticated"] = authenticated
                return ActionResult({"SubscriptionArn": subscription.arn})
        raise SNSInvalidParameter("Invalid parameter: Token")

    def list_all(self: SNSResponse) -> ActionResult:
        _expire(self.backend, world)
        return _page(self, self.backend.subscriptions.values())

    def list_by_topic(self: SNSResponse) -> ActionResult:
        _expire(self.backend, world)
        topic = self.backend.get_topic(self._get_param("TopicArn"))
        return _page(self, self.backend._get_topic_subscriptions(topic))

    def get_subscription(self: SNSResponse) -> ActionResult:
        _expire(self.backend, world)
        _check_arn(self._get_param("SubscriptionArn"))
        result: ActionResult = original_get_subscription(self)
        return result

    def get_topic(self: SNSResponse) -> ActionResult:
        _expire(self.backend, world)
        topic = self.backend.get_topic(self._get_param("TopicArn"))
        pending = [_pending(subscription) for subscription in self.backend._get_topic_subscriptions(topic)]
        topic.subscriptions_pending = sum(pending)
        topic.subscriptions_confimed = len(pending) - sum(pending)
        result: ActionResult = original_get_topic(self)
        return result

    def publish_message(self: SNSResponse) -> ActionResult:
        caller = caller_of(self.headers.get("Authorization", ""))
        topic = self.backend.topics.get(self._get_param("TopicArn") or self._get_param("TargetArn"))
        if caller.service and topic:
            _check_publisher(topic, caller)
        elif topic and ":role/" in caller.arn:
            _check_key_user(topic, caller)
        result: ActionResult = original_publish(self)
        return result

    original_subscribe = world.patch(SNSResponse, "subscribe", subscribe)
    original_get_subscription = world.patch(SNSResponse, "get_subscription_attributes", get_subscription)
    original_get_topic = world.patch(SNSResponse, "get_topic_attributes", get_topic)
    original_publish = world.patch(SNSResponse, "publish", publish_message)
    world.patch(SNSResponse, "confirm_subscription", confirm)
    world.patch(SNSResponse, "list_subscriptions", list_all)
    world.patch(SNSResponse, "list_subscriptions_by_topic", list_by_topic)


def publish(topic_arn: str, caller: Caller, subject: str | None, message: str) -> None:
    """Publish to a topic as an AWS service, with the condition keys that `caller` carries.

    Raises:
        AuthorizationError: the policy of the topic or of its key does not let the service in.
        moto.sns.exceptions.TopicNotFound: there is no such topic.
    """
    topic = sns_backends[ACCOUNT_ID][REGION].get_topic(topic_arn)
    _check_publisher(topic, caller)
    topic.publish(message, subject=subject)


def _check_publisher(topic: Topic, caller: Caller) -> None:
    if not resource_allows(topic.policy, "sns:Publish", topic.arn, caller):
        raise AuthorizationError(
            f"User: {caller.service} is not authorized to perform: SNS:Publish on resource: {topic.arn}"
        )
    key_id = topic.kms_master_key_id
    for action in ("kms:GenerateDataKey", "kms:Decrypt") if key_id else ():
        if not service_may_use(key_id, action, caller):
            raise AuthorizationError(
                f"User: {caller.service} is not authorized to perform: {action} on resource: {key_id}"
            )


def _check_key_user(topic: Topic, caller: Caller) -> None:
    """SNS uses the key in the publisher's name (SNS Developer Guide, "Key management")."""
    key_id = topic.kms_master_key_id
    if not key_id:
        return
    key = kms().describe_key(key_id)
    context = {
        **caller.context,
        "kms:ViaService": f"sns.{REGION}.amazonaws.com",
        "kms:EncryptionContext:aws:sns:topicArn": topic.arn,
        **resource_context(key.arn),
    }
    for action in ("kms:GenerateDataKey", "kms:Decrypt"):
        if not service_may_use(key_id, action, replace(caller, context=context)):
            raise KMSAccessDeniedError(
                "The ciphertext refers to a customer master key that does not exist, does not exist in this "
                f"region, or you are not allowed to access. ({action})"
            )


def _queue_takes(subscription: Subscription) -> bool:
    """Say whether SNS may send to a subscribed queue; if not, the message is lost, as on AWS."""
    queue: Any = sqs_backends[ACCOUNT_ID][REGION].queues.get(subscription.endpoint.rpartition(":")[2])
    caller = Caller(
        service="sns.amazonaws.com",
        context={"aws:SourceArn": subscription.topic.arn, "aws:SourceAccount": ACCOUNT_ID},
    )
    taken = bool(queue) and resource_allows(queue.policy, "sqs:SendMessage", queue.queue_arn, caller)
    if taken and queue.kms_master_key_id:
        taken = service_may_use(queue.kms_master_key_id, "kms:GenerateDataKey", caller)
    if not taken:
        log.warning(
            "%s may not send to %s; the message is lost", subscription.topic.arn, subscription.endpoint
        )
    return taken


def _ask(world: World, subscription: Any) -> None:
    token = secrets.token_hex(64)
    subscription.tokens = [*getattr(subscription, "tokens", []), token]
    subscription.asked = time.monotonic()
    subscription.attributes["PendingConfirmation"] = True
    subscription.attributes["ConfirmationWasAuthenticated"] = False
    arn = subscription.topic.arn
    world.mailbox.deliver(
        Mail(
            subscription.endpoint,
            "AWS Notification - Subscription Confirmation",
            f"You have chosen to subscribe to the topic:\n{arn}\n\n"
            "To confirm this subscription, run the command below. "
            "(If this was in error no action is necessary.)",
            f"aws sns confirm-subscription --topic-arn {arn} --token {token}",
        )
    )


def _pending(subscription: Subscription) -> bool:
    return subscription.protocol == "email" and not subscription.confirmed


def _expire(backend: SNSBackend, world: World) -> None:
    subscriptions: dict[str, Any] = backend.subscriptions
    now = time.monotonic()
    for arn, subscription in list(subscriptions.items()):
        asked = getattr(subscription, "asked", now)  # another thread is about to note it
        if _pending(subscription) and now - asked > world.clock.seconds(PENDING_SECONDS):
            subscriptions.pop(arn, None)


def _check_arn(arn: str) -> None:
    parts = arn.count(":") + 1
    if parts < 6:
        raise _invalid_arn(f"An ARN must have at least 6 elements, not {parts}")


def _invalid_arn(reason: str) -> SNSInvalidParameter:
    return SNSInvalidParameter(f"Invalid parameter: SubscriptionArn Reason: {reason}")


def _page(response: SNSResponse, found: Iterable[Subscription]) -> ActionResult:
    start = int(response._get_param("NextToken") or 0)
    shown = [
        {
            "SubscriptionArn": "PendingConfirmation" if _pending(subscription) else subscription.arn,
            "Owner": subscription.owner,
            "Protocol": subscription.protocol,
            "Endpoint": subscription.endpoint,
            "TopicArn": subscription.topic.arn,
        }
        for subscription in found
    ]
    page: dict[str, Any] = {"Subscriptions": shown[start : start + PAGE]}
    return ActionResult(page | {"NextToken": str(start + PAGE)} if start + PAGE < len(shown) else page)
