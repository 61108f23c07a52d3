"""EventBridge's scheduled rules: `rate(...)`, in the world's time."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable

from moto.events.exceptions import ValidationException
from moto.events.models import Rule, events_backends

from ..account import ACCOUNT_ID, REGION
from ..world import World

# "Schedule expressions": the unit is singular for 1 and plural for everything else.
_RATE = re.compile(r"rate\((?:1 (minute|hour|day)|([2-9]|[1-9]\d+) (minute|hour|day)s)\)")
_SECONDS = {"minute": 60, "hour": 3600, "day": 86_400}
# Real seconds: what is scheduled takes the time it takes, so a fast clock would do nothing else.
SHORTEST = 1.0


def period(expression: str) -> float:
    """Return the AWS seconds between two events of a schedule.

    Raises:
        ValidationException: it is not a rate.
    """
    if expression.startswith("cron("):
        raise ValidationException("The local cloud runs schedules of the form rate(...), not cron(...).")
    match = _RATE.fullmatch(expression)
    if match is None:
        raise ValidationException("Parameter ScheduleExpression is not valid.")
    return int(match[2] or 1) * _SECONDS[match[1] or match[3]]


def start(world: World, rule: Rule, aws_seconds: float, fire: Callable[[], None]) -> None:
    """Call `fire` every `aws_seconds`, the first time after as many, for as long as there is this rule."""
    real_seconds = max(world.clock.seconds(aws_seconds), SHORTEST)

    def run() -> None:
        while not world.clock.stopping.wait(real_seconds):
            if events_backends[ACCOUNT_ID][REGION].event_buses["default"].rules.get(rule.name) is not rule:
                return
            if rule.state == "ENABLED":
                fire()

    threading.Thread(target=run, name=f"schedule {rule.name}", daemon=True).start()
