"""The default event bus, on which services put their own events."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError
from moto.events.models import Rule, events_backends

from ..account import ACCOUNT_ID, REGION
from ..clock import Clock
from ..iam.identity import Identity
from . import targets


@dataclass(eq=False)
class Bus:
    """Takes events to the targets of rules, where permissions allow it.

    Attributes:
        clock: says when the cloud stops. An event that comes then is lost.
        identity: gives the clients that call the targets.
    """

    clock: Clock
    identity: Identity

    def publish(self, source: str, detail_type: str, detail: dict[str, Any], resources: list[str]) -> None:
        """Send a service's own event to every rule that matches it."""
        event = _event(source, detail_type, detail, resources)
        for rule in list(events_backends[ACCOUNT_ID][REGION].event_buses["default"].rules.values()):
            self.deliver(rule, event)

    def deliver(self, rule: Rule, event: Any) -> None:
        """Take an event to the targets of a rule if the rule is enabled and matches it."""
        pattern = rule.event_pattern
        if rule.state == "ENABLED" and pattern.get_pattern() and pattern.matches_event(event):
            self._send(rule, event)

    def fire(self, rule: Rule) -> None:
        """Take a scheduled event to the targets of a rule."""
        self._send(rule, _event("aws.events", "Scheduled Event", {}, [rule.arn]))

    def _send(self, rule: Rule, event: dict[str, Any]) -> None:
        try:
            targets.send(self.identity, rule, event)
        except BotoCoreError:
            if not self.clock.stopping.is_set():  # otherwise the cloud has stopped, and its server with it
                raise


def _event(source: str, detail_type: str, detail: dict[str, Any], resources: list[str]) -> dict[str, Any]:
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": detail_type,
        "source": source,
        "account": ACCOUNT_ID,
        "time": time_of(datetime.now(UTC)),
        "region": REGION,
        "resources": resources,
        "detail": detail,
    }


def time_of(moment: datetime) -> str:
    """Return a time as events have it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
