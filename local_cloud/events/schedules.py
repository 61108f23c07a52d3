"""EventBridge's scheduled rules, of the form `rate(...)`, in the cloud's time."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable

from moto.events.exceptions import ValidationException

from ..clock import Clock

# "Schedule expressions": the unit is singular for 1 and plural for everything else.
_RATE = re.compile(r"rate\((?:1 (minute|hour|day)|([2-9]|[1-9]\d+) (minute|hour|day)s)\)")
_SECONDS = {"minute": 60, "hour": 3600, "day": 86_400}
# Real seconds: code runs no faster on a fast clock, so events must not come faster than targets can work.
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


def start(clock: Clock, name: str, aws_seconds: float, fire: Callable[[], bool]) -> None:
    """Call `fire` every `aws_seconds` until it returns False or the cloud stops. The first call waits, too.

    Args:
        clock: the cloud's time.
        name: the rule's name, for the name of the thread.
        aws_seconds: the time between two calls, at least a real second.
        fire: returns whether to go on.
    """
    real_seconds = max(clock.seconds(aws_seconds), SHORTEST)

    def run() -> None:
        while not clock.stopping.wait(real_seconds) and fire():
            pass

    threading.Thread(target=run, name=f"schedule {name}", daemon=True).start()
