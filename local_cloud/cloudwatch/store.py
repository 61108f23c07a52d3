"""The data points that alarms are evaluated on, by metric and AWS minute."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..clock import Clock

# Namespace, name, and dimensions in the order of their names.
Key = tuple[str, str, tuple[tuple[str, str], ...]]
STATISTICS = ("Average", "Maximum", "Minimum", "SampleCount", "Sum")
MINUTE = 60  # AWS seconds
# Of one metric. An AWS week of minutes that all differ; CloudWatch evaluates no longer range.
_RUNS = 7 * 24 * 60


def key_of(namespace: str, name: str, dimensions: Mapping[str, str]) -> Key:
    """Return the key of a metric."""
    return namespace, name, tuple(sorted(dimensions.items()))


@dataclass(frozen=True)
class Figures:
    """What CloudWatch keeps of the values of a metric in a period."""

    count: float
    total: float
    least: float
    most: float

    def __add__(self, other: Figures) -> Figures:
        return Figures(
            self.count + other.count,
            self.total + other.total,
            min(self.least, other.least),
            max(self.most, other.most),
        )

    def times(self, minutes: int) -> Figures:
        """Return the figures of so many equal minutes."""
        return Figures(self.count * minutes, self.total * minutes, self.least, self.most)

    def statistic(self, name: str) -> float:
        """Return one of STATISTICS."""
        return {
            "Average": self.total / self.count if self.count else 0.0,
            "Maximum": self.most,
            "Minimum": self.least,
            "SampleCount": self.count,
            "Sum": self.total,
        }[name]


def of_value(value: float) -> Figures:
    """Return the figures of one value."""
    return Figures(1, value, value, value)


@dataclass
class _Run:
    """AWS minutes in a row that all have the same figures; `until` is the first minute after them.

    `default` says that the figures stand in for a minute without others, as a metric filter's default value.
    """

    since: int
    until: int
    figures: Figures
    default: bool = False


class Store:
    """The data points of all metrics, in the cloud's time.

    A data point counts in the AWS minute in which it comes, whatever time stamp it has: minutes are counted
    from the start of the cloud and last 60/speed real seconds. Minutes in a row with equal figures take the
    room of one, and the oldest data of a metric make room for new ones.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._series: dict[Key, deque[_Run]] = defaultdict(lambda: deque(maxlen=_RUNS))

    def minute(self) -> int:
        """Return the AWS minute that passes now. The first one is 0."""
        return int(self._clock.passed() // MINUTE)

    def add(self, key: Key, figures: Figures, default: bool = False) -> None:
        """Add values to the present minute; with `default`, only while it has no others."""
        with self._lock:
            minute, runs = self.minute(), self._series[key]
            last = runs[-1] if runs else None
            if last is None or last.until <= minute:
                runs.append(_Run(minute, minute + 1, figures, default))
            elif last.default:
                if not default:
                    last.figures, last.default = figures, False
            elif not default:
                last.figures += figures

    def fill(self, key: Key, since: int, until: int, value: float) -> None:
        """Give each minute from `since` to before `until` the same value."""
        figures = of_value(value)
        with self._lock:
            runs = self._series[key]
            if runs and runs[-1].until == since and runs[-1].figures == figures:
                runs[-1].until = until
            else:
                runs.append(_Run(since, until, figures))

    def windows(self, key: Key, end: int, length: int, count: int) -> list[Figures | None]:
        """Return the figures of the last `count` windows of `length` minutes before `end`, newest first."""
        found: list[Figures | None] = [None] * count
        for run in self._newest(key, end - length * count):
            first, last = (end - run.until) // length, (end - run.since - 1) // length
            for index in range(max(first, 0), min(last + 1, count)):
                upper = end - index * length
                minutes = min(run.until, upper) - max(run.since, upper - length)
                if minutes > 0:
                    before, more = found[index], run.figures.times(minutes)
                    found[index] = before + more if before else more
        return found

    def changes(self, key: Key, since: int) -> set[int]:
        """Return the minutes after `since` in which the figures of a metric changed."""
        return {minute for run in self._newest(key, since) for minute in (run.since, run.until)}

    def _newest(self, key: Key, since: int) -> Iterator[_Run]:
        with self._lock:
            runs = self._series.get(key, ())
            found: list[_Run] = []
            for run in reversed(runs):
                if run.until <= since:
                    break
                found.append(run)
        yield from found
