"""RDS's event subscriptions: changes of them, and their sources. moto only creates and deletes them.

Sources: the RDS API reference, CreateEventSubscription, ModifyEventSubscription,
AddSourceIdentifierToSubscription, RemoveSourceIdentifierFromSubscription. `events` delivers to their topics.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from moto.rds.models import EventSubscription, RDSBaseModel

from .base import RDSBase
from .events import introduce
from .exceptions import Refused

_MODIFIABLE = ("sns_topic_arn", "source_type", "event_categories", "enabled")


class SubscriptionBackend(RDSBase):
    """RDS's event subscriptions."""

    def create_event_subscription(self, kwargs: Any) -> EventSubscription:
        """Create a subscription. It is enabled unless the request says otherwise.

        RDS sends a first message to the topic, and creates nothing if it may not.
        """
        values: dict[str, Any] = {"enabled": True} | dict(kwargs.items())
        self._check_sources(values.get("source_type"), values.get("source_ids", []))
        subscription = super().create_event_subscription(values)
        try:
            self._introduce(subscription)
        except Refused:
            self.event_subscriptions.pop(subscription.subscription_name)
            raise
        return subscription

    def modify_event_subscription(self, subscription_name: str, **changes: Any) -> EventSubscription:
        """Change a subscription, except its sources."""
        subscription = self._subscription(subscription_name)
        before = {name: getattr(subscription, name) for name in _MODIFIABLE}
        vars(subscription).update(
            before | {name: changes[name] for name in _MODIFIABLE if changes.get(name) is not None}
        )
        if subscription.sns_topic_arn != before["sns_topic_arn"]:
            try:
                self._introduce(subscription)
            except Refused:
                vars(subscription).update(before)
                raise
        return subscription

    def add_source_identifier_to_subscription(
        self, subscription_name: str, source_identifier: str
    ) -> EventSubscription:
        """Add a source to a subscription."""
        subscription = self._subscription(subscription_name)
        self._check_sources(subscription.source_type, [source_identifier])
        subscription.source_ids = [*dict.fromkeys([*subscription.source_ids, source_identifier])]
        return subscription

    def remove_source_identifier_from_subscription(
        self, subscription_name: str, source_identifier: str
    ) -> EventSubscription:
        """Remove a source from a subscription."""
        subscription = self._subscription(subscription_name)
        if source_identifier not in subscription.source_ids:
            raise Refused("SourceNotFound", f"The source {source_identifier} is not in the subscription.")
        subscription.source_ids = [one for one in subscription.source_ids if one != source_identifier]
        return subscription

    def _introduce(self, subscription: EventSubscription) -> None:
        known = self._known(subscription.source_type)
        arns = [known[source].arn for source in subscription.source_ids if source in known]
        introduce(subscription.sns_topic_arn, subscription.source_type, [*arns, subscription.arn][0])

    def _subscription(self, name: str) -> EventSubscription:
        [found] = self.describe_event_subscriptions(name)
        return found

    def _known(self, kind: str | None) -> Mapping[str, RDSBaseModel]:
        """Return the resources of a source type, by their identifiers; none for a type not emulated."""
        known: dict[str | None, Mapping[str, RDSBaseModel]] = {
            "db-instance": self.databases,
            "db-parameter-group": self.db_parameter_groups,
            "db-snapshot": self.database_snapshots,
        }
        return known.get(kind, {})

    def _check_sources(self, kind: str | None, sources: Iterable[str]) -> None:
        for source in sources:
            if source not in self._known(kind):
                raise Refused("SourceNotFound", f"Could not find source: {source}")
