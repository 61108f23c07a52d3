"""The events of RDS, and how they reach topics.

Sources: the user guide's "Amazon RDS event categories and event messages" (ids, categories, words, message
attributes) and "Granting permissions to publish notifications to an Amazon SNS topic"; the Lambda developer
guide's "Using AWS Lambda with Amazon RDS" (the form of a message, and the first one of a subscription).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from moto.rds.models import EventSubscription
from moto.sns.exceptions import TopicNotFound

from ..account import REGION
from ..iam.trust import service_caller
from ..sns.models import backend as sns
from ..sns.topic_policy import AuthorizationError
from .exceptions import Refused

log = logging.getLogger(__name__)

PRINCIPAL = "events.rds.amazonaws.com"
_SUBJECT = "RDS Notification Message"
_PAGE = "http://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Events.html"

# Id -> category and words. RDS leaves out the full stop of most of the page's messages, as answers of
# describe-events in public reports show, and aws re:Post, "rds-connections-reboot-failover".
EVENTS = {
    "RDS-EVENT-0001": ("backup", "Backing up DB instance"),
    "RDS-EVENT-0002": ("backup", "Finished DB instance backup"),
    "RDS-EVENT-0003": ("deletion", "DB instance deleted"),
    "RDS-EVENT-0004": ("availability", "DB instance shutdown"),
    "RDS-EVENT-0005": ("creation", "DB instance created"),
    "RDS-EVENT-0006": ("availability", "DB instance restarted"),
    "RDS-EVENT-0007": (
        "low storage",
        "Allocated storage has been exhausted. Allocate additional storage to resolve.",
    ),
    "RDS-EVENT-0011": ("configuration change", "Updated to use DBParameterGroup {group}"),
    "RDS-EVENT-0012": ("configuration change", "Applying modification to database instance class"),
    "RDS-EVENT-0013": ("failover", "Multi-AZ instance failover started."),
    "RDS-EVENT-0014": ("configuration change", "Finished applying modification to DB instance class"),
    "RDS-EVENT-0016": ("configuration change", "Reset master credentials"),
    "RDS-EVENT-0017": ("configuration change", "Finished applying modification to allocated storage"),
    "RDS-EVENT-0018": ("configuration change", "Applying modification to allocated storage"),
    "RDS-EVENT-0019": ("restoration", "Restored from DB instance {origin} to {name}"),
    "RDS-EVENT-0020": (
        "recovery",
        "Recovery of the DB instance has started. Recovery time will vary with the amount of data to be "
        "recovered.",
    ),
    "RDS-EVENT-0021": ("recovery", "Recovery of the DB instance is complete"),
    "RDS-EVENT-0024": (
        "configuration change",
        "Applying modification to convert to a Multi-AZ DB instance",
    ),
    "RDS-EVENT-0025": (
        "configuration change",
        "Finished applying modification to convert to a Multi-AZ DB instance",
    ),
    "RDS-EVENT-0028": ("configuration change", "Disabled automated backups"),
    "RDS-EVENT-0029": (
        "configuration change",
        "Finished applying modification to convert to a standard (Single-AZ) DB instance",
    ),
    "RDS-EVENT-0030": (
        "configuration change",
        "Applying modification to convert to a standard (Single-AZ) DB instance",
    ),
    "RDS-EVENT-0031": (
        "failure",
        "DB instance put into {status}. RDS recommends that you initiate a point-in-time-restore.",
    ),
    "RDS-EVENT-0032": ("configuration change", "Enabled automated backups"),
    "RDS-EVENT-0035": ("failure", "Database instance put into {status}. {reason}"),
    "RDS-EVENT-0037": (
        "configuration change",
        "Updated parameter {parameter} to {value} with apply method {method}",
    ),
    "RDS-EVENT-0040": ("creation", "Creating manual snapshot"),
    "RDS-EVENT-0041": ("deletion", "Deleted user snapshot"),
    "RDS-EVENT-0042": ("creation", "Manual snapshot created"),
    "RDS-EVENT-0043": ("restoration", "Restored from snapshot {snapshot}"),
    "RDS-EVENT-0049": ("failover", "Multi-AZ instance failover completed"),
    "RDS-EVENT-0078": ("configuration change", "Monitoring Interval changed to {seconds}"),
    "RDS-EVENT-0087": ("notification", "DB instance stopped"),
    "RDS-EVENT-0088": ("notification", "DB instance started"),
    "RDS-EVENT-0089": (
        "low storage",
        "The free storage capacity for DB instance: {name} is low at {percentage}% of the provisioned "
        "storage [Provisioned Storage: {provisioned:.2f} GB, Free Storage: {free:.2f} GB]. You may want to "
        "increase the provisioned storage to address this issue.",
    ),
    "RDS-EVENT-0090": ("creation", "Creating automated snapshot"),
    "RDS-EVENT-0091": ("creation", "Automated snapshot created"),
    "RDS-EVENT-0092": ("configuration change", "Finished updating DB parameter group"),
    "RDS-EVENT-0154": (
        "notification",
        "DB instance is being started due to it exceeding the maximum allowed time being stopped.",
    ),
    "RDS-EVENT-0267": ("maintenance", "The engine version upgrade started."),
    "RDS-EVENT-0268": ("maintenance", "The engine version upgrade finished."),
    "RDS-EVENT-0270": (
        "maintenance",
        "The DB engine version upgrade failed. The engine version upgrade rollback succeeded.",
    ),
}


class Kind(NamedTuple):
    """What different services call a kind of source.

    Attributes:
        source_type: in RDS's API.
        bus_type: in EventBridge's SourceType.
        name: in EventBridge's detail type.
        link: in the console's address.
    """

    source_type: str
    bus_type: str
    name: str
    link: str


# By the type in the source's ARN.
KINDS = {
    "db": Kind("db-instance", "DB_INSTANCE", "DB Instance", "dbinstance"),
    "pg": Kind("db-parameter-group", "DB_PARAM", "DB Parameter Group", "parameter-groups"),
    "snapshot": Kind("db-snapshot", "SNAPSHOT", "DB Snapshot", "snapshot"),
}


@dataclass(frozen=True)
class Occurrence:
    """An event that has happened to a source."""

    kind: Kind
    source: str
    source_arn: str
    event_id: str
    category: str
    message: str
    time: datetime

    def body(self) -> str:
        """Return the message that RDS sends to topics."""
        facts = {
            "Event Source": self.kind.source_type,
            "Event Time": f"{self.time:%Y-%m-%d %H:%M:%S}.{self.time.microsecond // 1000:03}",
            "Identifier Link": f"https://console.aws.amazon.com/rds/home?region={REGION}"
            f"#{self.kind.link}:id={self.source}",
            "Source ID": self.source,
            "Source ARN": self.source_arn,
            "Event ID": f"{_PAGE}#{self.event_id}",
            "Event Message": self.message,
        }
        return json.dumps(facts, separators=(",", ":"))


def deliver(subscriptions: Iterable[EventSubscription], event: Occurrence) -> None:
    """Send an event to the topics of all subscriptions that ask for it.

    RDS does not keep what a topic refuses. The subscription's status says why until a message gets through.
    """
    attributes = {
        name: {"Type": "String", "Value": value}
        for name, value in (("EventID", event.event_id), ("Resource", event.source_arn))
    }
    for subscription in subscriptions:
        if not _asks_for(subscription, event):
            continue
        try:
            publish(subscription.sns_topic_arn, event.source_arn, event.body(), attributes)
            subscription.status = "active"
        except Refused as error:
            missing = error.code == "SNSTopicArnNotFound"
            subscription.status = "topic-not-exist" if missing else "no-permission"
            log.warning(
                "the event %s of %s is lost: the subscription %s does not reach its topic. %s",
                event.event_id, event.source, subscription.subscription_name, error.message,
            )  # fmt: skip


def _asks_for(subscription: EventSubscription, event: Occurrence) -> bool:
    return bool(
        subscription.enabled
        and subscription.source_type in (None, event.kind.source_type)
        and (not subscription.source_ids or event.source in subscription.source_ids)
        and (not subscription.event_categories or event.category in subscription.event_categories)
    )


def introduce(topic_arn: str | None, source_type: str | None, source_arn: str) -> None:
    """Send the first message of a subscription.

    Raises:
        Refused: the topic does not exist, or RDS may not publish to it.
    """
    what = f"event notifications of type {source_type or 'all'}"
    text = f"This is a message to notify that RDS will attempt to send you {what} to the topic {topic_arn}."
    publish(topic_arn, source_arn, text)


def publish(
    topic_arn: str | None, source_arn: str, text: str, attributes: dict[str, dict[str, str]] | None = None
) -> None:
    """Publish to a topic as RDS's events.

    Raises:
        Refused: the topic does not exist, or RDS may not publish to it.
    """
    try:
        caller = service_caller(PRINCIPAL, source_arn)
        sns().publish_for(caller, topic_arn or "", text, subject=_SUBJECT, message_attributes=attributes)
    except TopicNotFound as error:
        raise Refused("SNSTopicArnNotFound", f"The SNS topic ARN {topic_arn} does not exist.") from error
    except AuthorizationError as error:
        raise Refused(
            "SNSNoAuthorization",
            f"You do not have permission to publish to the SNS topic ARN {topic_arn}. {error.message}",
        ) from error
