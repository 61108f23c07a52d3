"""RDS's event subscriptions: changes of them, and their sources. moto only creates and deletes them.

Sources: the RDS API reference, CreateEventSubscription, ModifyEventSubscription,
AddSourceIdentifierToSubscription, RemoveSourceIdentifierFromSubscription. RDS delivers no events here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from moto.rds.models import EventSubscription

from .base import RDSBase
from .exceptions import Refused

_MODIFIABLE = ("sns_topic_arn", "source_type", "event_categories", "enabled")


class SubscriptionBackend(RDSBase):
    """RDS's event subscriptions."""

    def create_event_subscription(self, kwargs: Any) -> EventSubscription:
        """Create a subscription. It is enabled unless the request says otherwise."""
        values: dict[str, Any] = {"enabled": True} | dict(kwargs.items())
        self._check_sources(values.get("source_type"), values.get("source_ids", []))
        return super().create_event_subscription(values)

    def modify_event_subscription(self, subscription_name: str, **changes: Any) -> EventSubscription:
        """Change a subscription, except its sources."""
        subscription = self._subscription(subscription_name)
        for name in _MODIFIABLE:
            if changes.get(name) is not None:
                setattr(subscription, name, changes[name])
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

    def _subscription(self, name: str) -> EventSubscription:
        [found] = self.describe_event_subscriptions(name)
        return found

    def _check_sources(self, kind: str | None, sources: Iterable[str]) -> None:
        known: dict[str | None, Any] = {
            "db-instance": self.databases,
            "db-parameter-group": self.db_parameter_groups,
            "db-snapshot": self.database_snapshots,
        }
        for source in sources:
            if kind in known and source not in known[kind]:
                raise Refused("SourceNotFound", f"Could not find source: {source}")
