"""SNS's topics and subscriptions, and the mails that they send."""

from __future__ import annotations

import logging
import re
import secrets
import time
from typing import Any

from moto.sns.exceptions import SNSInvalidParameter
from moto.sns.models import SNSBackend, Subscription, sns_backends

from ..account import ACCOUNT_ID
from ..iam.policies import Caller, resource_allows
from ..kms.key_policy import service_may_use
from ..moto_seam import Local, running
from ..sqs.models import find_queue
from .mailbox import Mail, Mailbox
from .topic_policy import check_service

log = logging.getLogger(__name__)

# AWS seconds. "Automatic deletion of unconfirmed subscriptions" (SNS, May 2023).
PENDING_SECONDS = 48 * 3600
# Real seconds: a person, or a command on a busy machine, needs some to confirm, however fast the clock.
SHORTEST_PENDING = 60
ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")


class LocalSubscription(Subscription):
    """A subscription of an email address or a queue.

    Attributes:
        tokens: the tokens of all mails that asked for confirmation; each of them confirms.
        asked: when the last of these mails was sent, in seconds of `time.monotonic`.
    """

    def __init__(self, subscription: Subscription, mailbox: Mailbox) -> None:
        vars(self).update(vars(subscription))
        self.tokens: list[str] = []
        self.asked = time.monotonic()
        self._mailbox = mailbox

    def publish(
        self,
        message: str,
        message_id: str,
        subject: str | None = None,
        message_attributes: dict[str, Any] | None = None,
        group_id: str | None = None,
        deduplication_id: str | None = None,
        message_structure: str | None = None,
    ) -> None:
        """Deliver a message, if the address is confirmed or the queue lets SNS in."""
        if self.protocol == "sqs":
            if _queue_takes(self):
                super().publish(
                    message,
                    message_id,
                    subject,
                    message_attributes,
                    group_id,
                    deduplication_id,
                    message_structure,
                )
            return
        matcher = self._filter_policy_matcher
        if is_pending(self) or (matcher and not matcher.matches(message_attributes, message)):
            return
        if message_structure == "json":
            message = self._parse_message_structure(message, self.protocol)
        self._mailbox.deliver(Mail(self.endpoint, subject or "AWS Notification Message", message))

    def ask(self) -> None:
        """Send a mail that asks for confirmation."""
        token = secrets.token_hex(64)
        self.tokens.append(token)
        self.asked = time.monotonic()
        self.attributes["PendingConfirmation"] = True
        self.attributes["ConfirmationWasAuthenticated"] = False
        arn = self.topic.arn
        self._mailbox.deliver(
            Mail(
                self.endpoint,
                "AWS Notification - Subscription Confirmation",
                f"You have chosen to subscribe to the topic:\n{arn}\n\n"
                "To confirm this subscription, run the command below. "
                "(If this was in error no action is necessary.)",
                f"aws sns confirm-subscription --topic-arn {arn} --token {token}",
            )
        )


class LocalSNS(Local, SNSBackend):
    """SNS. It delivers to email addresses, after a confirmation, and to queues.

    Attributes:
        mailbox: the mails that it has sent.
    """

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.mailbox = Mailbox()

    def subscribe(self, topic_arn: str, endpoint: str, protocol: str) -> Subscription:
        """Subscribe a queue, or an email address, which gets a mail that asks for confirmation."""
        self.expire()
        if protocol not in ("email", "sqs"):
            raise SNSInvalidParameter(f"Invalid parameter: the local cloud does not deliver by {protocol}")
        if protocol == "email" and not ADDRESS.fullmatch(endpoint):
            raise SNSInvalidParameter("Invalid parameter: Email address")
        subscription = super().subscribe(topic_arn, endpoint, protocol)
        if not isinstance(subscription, LocalSubscription):
            subscription = LocalSubscription(subscription, self.mailbox)
            self.subscriptions[subscription.arn] = subscription
        if is_pending(subscription):
            subscription.ask()
        return subscription

    def confirm(self, topic_arn: str, token: str, authenticated: bool) -> Subscription:
        """Confirm the subscription whose mail had this token.

        Args:
            topic_arn: its topic.
            token: from the mail.
            authenticated: whether only an authenticated caller may unsubscribe.

        Raises:
            moto.sns.exceptions.SNSInvalidParameter: no subscription of the topic has this token.
        """
        topic = self.get_topic(topic_arn)
        for subscription in list(self.subscriptions.values()):  # a copy: other threads subscribe meanwhile
            if (
                isinstance(subscription, LocalSubscription)
                and subscription.topic is topic
                and token in subscription.tokens
            ):
                subscription.confirmed = True
                subscription.attributes["PendingConfirmation"] = False
                subscription.attributes["ConfirmationWasAuthenticated"] = authenticated
                return subscription
        raise SNSInvalidParameter("Invalid parameter: Token")

    def publish_for(self, service: Caller, topic_arn: str, message: str, **more: Any) -> None:
        """Publish for an AWS service, if the policies of the topic and of its key let it.

        Args:
            service: the service, on behalf of a resource of its own.
            topic_arn: the topic.
            message: the message.
            more: its subject, its structure and its attributes, as moto's topic takes them.

        Raises:
            moto.sns.exceptions.TopicNotFound: there is no such topic.
            AuthorizationError: the topic or its key does not let the service in.
        """
        topic = self.get_topic(topic_arn)
        check_service(topic, service)
        topic.publish(message, **more)

    def unsubscribe(self, subscription_arn: str) -> None:
        """Delete a confirmed subscription."""
        check_arn(subscription_arn)
        subscription = self.subscriptions.get(subscription_arn)
        if subscription and is_pending(subscription):
            raise _invalid_arn("Cannot unsubscribe a subscription that is pending confirmation")
        if subscription:
            subscription.topic.subscriptions_deleted += 1
        super().unsubscribe(subscription_arn)

    def expire(self) -> None:
        """Delete the subscriptions that were pending for too long."""
        asked_before = time.monotonic() - max(self.clock.seconds(PENDING_SECONDS), SHORTEST_PENDING)
        for arn, subscription in list(self.subscriptions.items()):
            if (
                isinstance(subscription, LocalSubscription)
                and is_pending(subscription)
                and subscription.asked < asked_before
            ):
                self.subscriptions.pop(arn, None)


def backend() -> LocalSNS:
    """Return the SNS of the running local cloud."""
    return running(sns_backends, LocalSNS)


def is_pending(subscription: Subscription) -> bool:
    """Say whether a subscription still needs its confirmation."""
    return subscription.protocol == "email" and not subscription.confirmed


def check_arn(arn: str) -> None:
    """Check the form of a subscription's ARN.

    Raises:
        moto.sns.exceptions.SNSInvalidParameter: it has too few parts, such as "PendingConfirmation".
    """
    parts = arn.count(":") + 1
    if parts < 6:
        raise _invalid_arn(f"An ARN must have at least 6 elements, not {parts}")


def _invalid_arn(reason: str) -> SNSInvalidParameter:
    return SNSInvalidParameter(f"Invalid parameter: SubscriptionArn Reason: {reason}")


def _queue_takes(subscription: Subscription) -> bool:
    """Say whether SNS may send to a subscribed queue. If not, the message is lost, as on AWS."""
    queue = find_queue(subscription.endpoint)
    caller = Caller(
        service="sns.amazonaws.com",
        context={"aws:SourceArn": subscription.topic.arn, "aws:SourceAccount": ACCOUNT_ID},
    )
    taken = queue is not None and resource_allows(queue.policy, "sqs:SendMessage", queue.queue_arn, caller)
    if queue and taken and queue.kms_master_key_id:
        taken = service_may_use(queue.kms_master_key_id, "kms:GenerateDataKey", caller)
    if not taken:
        log.warning(
            "%s may not send to %s; the message is lost", subscription.topic.arn, subscription.endpoint
        )
    return taken
