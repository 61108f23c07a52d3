"""RDS's event subscriptions, which moto can create and delete.

Behaviour after the RDS API reference: CreateEventSubscription, ModifyEventSubscription,
AddSourceIdentifierToSubscription, RemoveSourceIdentifierFromSubscription. No event is delivered.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from moto.core.responses import ActionResult
from moto.rds.models import EventSubscription, RDSBackend
from moto.rds.responses import RDSResponse

from ..world import World
from .state import Refused

_MODIFIABLE = ("sns_topic_arn", "source_type", "event_categories", "enabled")


def install(world: World) -> None:
    """Let subscriptions be modified, and know their sources."""

    def create(self: RDSBackend, kwargs: Any) -> Any:
        values: dict[str, Any] = {"enabled": True} | dict(kwargs.items())
        _check_sources(self, values.get("source_type"), values.get("source_ids", []))
        return original(self, values)

    def modify(self: RDSResponse) -> ActionResult:
        subscription = _subscription(self)
        for name in _MODIFIABLE:
            if self.params.get(name) is not None:
                setattr(subscription, name, self.params[name])
        return ActionResult({"EventSubscription": subscription})

    def add(self: RDSResponse) -> ActionResult:
        subscription, source = _subscription(self), self.params["SourceIdentifier"]
        _check_sources(self.backend, subscription.source_type, [source])
        subscription.source_ids = [*dict.fromkeys([*subscription.source_ids, source])]
        return ActionResult({"EventSubscription": subscription})

    def remove(self: RDSResponse) -> ActionResult:
        subscription, source = _subscription(self), self.params["SourceIdentifier"]
        if source not in subscription.source_ids:
            raise Refused("SourceNotFound", f"The source {source} is not in the subscription.")
        subscription.source_ids = [one for one in subscription.source_ids if one != source]
        return ActionResult({"EventSubscription": subscription})

    original = world.patch(RDSBackend, "create_event_subscription", create)
    world.add(RDSResponse, "modify_event_subscription", modify)
    world.add(RDSResponse, "add_source_identifier_to_subscription", add)
    world.add(RDSResponse, "remove_source_identifier_from_subscription", remove)


def _subscription(response: RDSResponse) -> EventSubscription:
    name = response.params["SubscriptionName"]
    [subscription] = response.backend.describe_event_subscriptions(name)
    found: EventSubscription = subscription
    return found


def _check_sources(backend: RDSBackend, kind: str | None, sources: Iterable[str]) -> None:
    known: dict[str | None, Any] = {
        "db-instance": backend.databases,
        "db-parameter-group": backend.db_parameter_groups,
        "db-snapshot": backend.database_snapshots,
    }
    for source in sources:
        if kind in known and source not in known[kind]:
            raise Refused("SourceNotFound", f"Could not find source: {source}")
