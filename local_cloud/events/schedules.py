"""EventBridge's scheduled rules: `rate(...)`, in the cloud's time."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable

from moto.events.exceptions import ValidationException

from ..clock import Clock

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


def start(clock: Clock, name: str, aws_seconds: float, fire: Callable[[], bool]) -> None:
    """Call `fire` every `aws_seconds`, the first time after as many, until it says no or the cloud stops.

    Args:
        clock: the cloud's time.
        name: what the thread is called.
        aws_seconds: from one call to the next; a second of real time passes at least.
        fire: says whether the schedule still stands.
    """
    real_seconds = max(clock.seconds(aws_seconds), SHORTEST)

    def run() -> None:
        while not clock.stopping.wait(real_seconds) and fire():
            pass

    threading.Thread(target=run, name=f"schedule {name}", daemon=True).start()
