"""What an alarm finds in its data points, and how it says so.

Sources: the CloudWatch User Guide's "Alarm evaluation" and "Configuring how CloudWatch alarms treat missing
data", with its tables and "Avoiding premature transitions to alarm state"; for the words, public mails.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

# CloudWatch retrieves more data points than it evaluates, in case that some are missing. How many depends on
# the period; the guide's example has two.
RESERVE = 2
COMPARISONS: dict[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "LessThanThreshold": (operator.lt, "less than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
}
TREATMENTS = {"missing": "", "ignore": "", "breaching": "Breaching", "notBreaching": "NonBreaching"}


@dataclass(frozen=True)
class Point:
    """A data point of an alarm: when its period began, in real time, and its value; None if it is missing."""

    begin: datetime
    value: float | None


@dataclass(frozen=True)
class Threshold:
    """When an alarm goes into ALARM, as PutMetricAlarm has it; `m_of_n` if it names DatapointsToAlarm."""

    comparison: str
    value: float
    periods: int
    to_alarm: int
    missing: str
    m_of_n: bool

    def breached_by(self, value: float) -> bool:
        """Say whether a value is beyond the threshold."""
        return COMPARISONS[self.comparison][0](value, self.value)


def judge(breaches: Sequence[bool | None], periods: int, to_alarm: int, missing: str) -> str | None:
    """Return the state of an alarm, or None if it keeps the one that it has.

    Args:
        breaches: whether each data point in the evaluation range breaches, newest first; None for a missing
            one.
        periods: how many data points count.
        to_alarm: how many of them have to breach.
        missing: what a missing data point is (TreatMissingData).
    """
    real = [breach for breach in breaches if breach is not None][:periods]
    breaching, unknown = sum(real), periods - len(real)
    if unknown and missing == "breaching":
        breaching += unknown
    elif unknown and missing in ("missing", "ignore") and all(real) and breaching < to_alarm:
        if missing == "ignore":
            return None
        age = max((index + 1 for index, breach in enumerate(breaches) if breach), default=0)
        return "ALARM" if real and age >= to_alarm else "INSUFFICIENT_DATA"
    return "ALARM" if breaching >= to_alarm else "OK"


def reason(state: str, threshold: Threshold, points: Sequence[Point]) -> str:
    """Return CloudWatch's words for a new state.

    Args:
        state: the new state.
        threshold: that of the alarm.
        points: the data points in the evaluation range, newest first.
    """
    real = [point for point in points if point.value is not None][: threshold.periods]
    unknown = threshold.periods - len(real)
    if state == "INSUFFICIENT_DATA":
        return f"Insufficient Data: {_count(unknown)} {_were(unknown)} unknown."
    treated = ""
    if unknown and TREATMENTS[threshold.missing]:
        treated = (
            f" and {unknown} missing datapoint{'s' * (unknown > 1)} {_were(unknown)} "
            f"treated as [{TREATMENTS[threshold.missing]}]"
        )
    if not real:
        periods = threshold.periods
        received = f"no datapoints were received for {periods} period{'s' * (periods > 1)}"
        return f"Threshold Crossed: {received}{treated}."
    alarming = state == "ALARM"
    shown = [point for point in real if threshold.breached_by(point.value or 0.0) == alarming]
    listed = ", ".join(f"{point.value} ({point.begin:%d/%m/%y %H:%M:%S})" for point in shown)
    counted, transition = _count(len(shown)), ""
    if threshold.m_of_n:
        least = threshold.to_alarm if alarming else threshold.periods - threshold.to_alarm + 1
        opposite = "OK -> ALARM" if alarming else "ALARM -> OK"
        counted = f"{len(shown)} out of the last {threshold.periods} datapoints"
        transition = f" (minimum {_count(least)} for {opposite} transition)"
    return (
        f"Threshold Crossed: {counted} [{listed}] {_were(len(shown))} {'' if alarming else 'not '}"
        f"{COMPARISONS[threshold.comparison][1]} the threshold ({threshold.value}){treated}{transition}."
    )


def _count(number: int) -> str:
    return f"{number} datapoint{'s' * (number != 1)}"


def _were(number: int) -> str:
    return "was" if number == 1 else "were"
