"""EventBridge's rules: schedules run, and PutEvents delivers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from moto.events.models import EventsBackend, Rule

from ..moto_seam import Local, patch
from . import schedules
from .bus import time_of
from .targets import check

_REFUSED = {
    "ErrorCode": "NotAuthorizedForSourceException",
    "ErrorMessage": "Not authorized for the source.",
}


@patch(Rule, "send_to_targets")
def _send_to_targets(_: Any, rule: Rule, put: dict[str, Any], **_named: Any) -> None:
    """Deliver an event of PutEvents to the targets of a rule."""
    event = {key: value for key, value in put.items() if key != "ingestion-time"}
    if not isinstance(event["time"], str):
        event["time"] = time_of(datetime.fromtimestamp(float(event["time"]), UTC))
    Local.bus.deliver(rule, event)


class LocalEvents(Local, EventsBackend):
    """EventBridge. It delivers to functions, queues, topics and state machines, and runs schedules."""

    def put_rule(
        self,
        name: str,
        description: str | None = None,
        event_bus_arn: str | None = None,
        event_pattern: str | None = None,
        role_arn: str | None = None,
        scheduled_expression: str | None = None,
        state: str | None = None,
        managed_by: str | None = None,
        tags: list[dict[str, str]] | None = None,
    ) -> Rule:
        """Create or replace a rule, and start its schedule if it has one."""
        seconds = schedules.period(scheduled_expression) if scheduled_expression else None
        rule = super().put_rule(
            name,
            description,
            event_bus_arn,
            event_pattern,
            role_arn,
            scheduled_expression,
            state,
            managed_by,
            tags,
        )
        if seconds is not None:
            schedules.start(self.clock, name, seconds, lambda: self._fire(rule))
        return rule

    def _fire(self, rule: Rule) -> bool:
        if self.event_buses["default"].rules.get(rule.name) is not rule:
            return False
        if rule.state == "ENABLED":
            self.bus.fire(rule)
        return True

    def put_targets(self, name: str, event_bus_arn: str | None, targets: list[dict[str, Any]]) -> None:
        """Add targets, if the local cloud can deliver to them."""
        for target in targets:
            check(target)
        super().put_targets(name, event_bus_arn, targets)

    def put_events(self, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Put events on the bus, except those whose source is an AWS service."""
        own = [index for index, event in enumerate(events) if event.get("Source", "").startswith("aws.")]
        entries = iter(super().put_events([event for i, event in enumerate(events) if i not in own]))
        return [_REFUSED if index in own else next(entries) for index in range(len(events))]
