"""Alarms on metrics: what the local cloud can evaluate, and how a state follows from the data points."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from moto.cloudwatch import models
from moto.cloudwatch.exceptions import ValidationError
from moto.core.utils import utcnow

from .evaluation import COMPARISONS, RESERVE, Point, Threshold, judge, reason
from .metric_math import Formula, formula
from .store import MINUTE, STATISTICS, Key, Store, key_of


@dataclass(frozen=True)
class State:
    """A state of an alarm, why it has it, and since when."""

    value: str
    reason: str
    data: str | None
    since: datetime

    def event(self) -> dict[str, Any]:
        """Return it as EventBridge's events of alarms have it."""
        shown = {"value": self.value, "reason": self.reason, "timestamp": stamp(self.since)}
        return shown | ({"reasonData": self.data} if self.data else {})


@dataclass(frozen=True)
class _Source:
    """A metric of an alarm, and its statistic."""

    key: Key
    statistic: str


class Alarm(models.Alarm):
    """An alarm on a metric, or on a metric math expression.

    Attributes:
        warm_up_configuration: WarmUpConfiguration of PutMetricAlarm; None without one.
        state_transitioned_timestamp: when its state became another.
        made: the AWS minute in which it was created.
    """

    def __init__(self, alarm: models.Alarm, made: int) -> None:
        """Take over moto's alarm.

        Raises:
            NotImplementedError: the local cloud can't evaluate it, or can't run an action of it.
        """
        vars(self).update(vars(alarm))
        self.warm_up_configuration: dict[str, Any] | None = None
        self.made = made
        self.state_value = "INSUFFICIENT_DATA"
        self.state_transitioned_timestamp = self.state_updated_timestamp
        self._warm = False
        if self.datapoints_to_alarm and self.datapoints_to_alarm > self.evaluation_periods:
            raise ValidationError(
                f"DatapointsToAlarm ({self.datapoints_to_alarm}) must be at most EvaluationPeriods "
                f"({self.evaluation_periods})."
            )
        if self.comparison_operator not in COMPARISONS:
            raise NotImplementedError(f"an alarm with ComparisonOperator={self.comparison_operator}")
        self.threshold_rule = Threshold(
            self.comparison_operator,
            float(self.threshold),
            self.evaluation_periods,
            self.datapoints_to_alarm or self.evaluation_periods,
            self.treat_missing_data or "missing",
            self.datapoints_to_alarm is not None,
        )
        for action in [*self.alarm_actions, *self.ok_actions, *self.insufficient_data_actions]:
            if action.split(":")[2:3] != ["sns"]:
                raise NotImplementedError(
                    f"an alarm with the action {action}; it publishes to SNS topics only"
                )
        self._sources, self._formula, seconds = _watched(self)
        if seconds % MINUTE:
            raise NotImplementedError(
                f"an alarm with a period of {seconds} seconds, which is no whole minute"
            )
        self._minutes = seconds // MINUTE

    def keep_state_of(self, before: Alarm) -> None:
        """Take over the state of the alarm that this one replaces (PutMetricAlarm: it is left unchanged)."""
        self.state_value, self.state_reason = before.state_value, before.state_reason
        self.state_reason_data = before.state_reason_data
        self.state_updated_timestamp = before.state_updated_timestamp
        self.state_transitioned_timestamp = before.state_transitioned_timestamp
        self.made, self._warm = before.made, before._warm

    @property
    def state(self) -> State:
        """The present state."""
        return State(
            self.state_value, self.state_reason, self.state_reason_data or None, self.state_updated_timestamp
        )

    @property
    def seconds(self) -> int:
        """The length of its period, in AWS seconds."""
        return self._minutes * MINUTE

    @property
    def namespaces(self) -> set[str]:
        """The namespaces of its metrics."""
        return {source.key[0] for source in self._sources.values()}

    def update_state(self, reason: str, reason_data: str, state_value: str) -> None:
        """Take a state."""
        changed = state_value != self.state_value
        self.state_value, self.state_reason, self.state_reason_data = state_value, reason, reason_data
        self.state_updated_timestamp = utcnow()
        if changed:
            self.state_transitioned_timestamp = self.state_updated_timestamp

    def interesting(self, store: Store, since: int, now: int) -> list[int]:
        """Return the AWS minutes after `since` in which its state can change, and `now`.

        CloudWatch evaluates each minute, on periods that end then (a mail of 12:07 about five minutes names
        the data point of 12:02). On a fast clock many minutes pass between two looks, and nearly all of them
        would show the same: a minute is interesting if the figures of a metric changed a whole number of
        periods before it, within the evaluation range.
        """
        since = max(since, self.made)
        reach = (self.evaluation_periods + RESERVE) * self._minutes
        found = {now}
        for source in self._sources.values():
            for change in store.changes(source.key, since - reach):
                first = change + -(-(since + 1 - change) // self._minutes) * self._minutes
                found.update(range(max(first, change), min(change + reach, now) + 1, self._minutes))
        return sorted(minute for minute in found if since < minute <= now)

    def evaluate(
        self, store: Store, minute: int, real_time: Callable[[int], datetime]
    ) -> tuple[str, str, str] | None:
        """Return the reason, data and value of another state at the end of an AWS minute; None if it stays.

        Args:
            store: has the data points.
            minute: the periods end before it.
            real_time: tells when an AWS minute began.
        """
        points = self._points(store, minute, real_time)
        if not self._is_warm(points, minute):
            return None
        rule = self.threshold_rule
        breaches = [None if each.value is None else rule.breached_by(each.value) for each in points]
        state = judge(breaches, rule.periods, rule.to_alarm, rule.missing)
        if state is None or state == self.state_value:
            return None
        return reason(state, rule, points), self._data(points), state

    def _points(self, store: Store, minute: int, real_time: Callable[[int], datetime]) -> list[Point]:
        count = self.evaluation_periods + RESERVE
        series = {
            name: (source.statistic, store.windows(source.key, minute, self._minutes, count))
            for name, source in self._sources.items()
        }
        points = []
        for index in range(count):
            figures = {name: (statistic, found[index]) for name, (statistic, found) in series.items()}
            values = {
                name: each.statistic(statistic) if each else None
                for name, (statistic, each) in figures.items()
            }
            points.append(Point(real_time(minute - (index + 1) * self._minutes), self._formula(values)))
        return points

    def _is_warm(self, points: list[Point], minute: int) -> bool:
        """Say whether the warm-up period is over ("Alarm warm-up periods"); once over, it stays so."""
        warm_up = self.warm_up_configuration
        if warm_up and not self._warm:
            over = minute >= self.made + int(warm_up["WarmUpPeriodDurationInMinutes"])
            filled = all(point.value is not None for point in points[: self.evaluation_periods])
            self._warm = over or (filled and not warm_up.get("OnlyStartEvaluatingAfterWarmUpPeriodEnds"))
        return not warm_up or self._warm

    def _data(self, points: list[Point]) -> str:
        real = [point for point in points if point.value is not None][: self.evaluation_periods]
        evaluated = real or points[: self.evaluation_periods]
        data: dict[str, Any] = {
            "version": "1.0",
            "queryDate": stamp(datetime.now(UTC)),
            "period": self.seconds,
            "recentDatapoints": [point.value for point in reversed(real)],
            "threshold": self.threshold_rule.value,
            "evaluatedDatapoints": [
                {"timestamp": stamp(point.begin)} | ({} if point.value is None else {"value": point.value})
                for point in evaluated
            ],
        }
        if real:
            data["startDate"] = stamp(real[-1].begin)
        if self.statistic:
            data["statistic"] = self.statistic
        return json.dumps(data)


def _watched(alarm: models.Alarm) -> tuple[dict[str, _Source], Formula, int]:
    """Return the metrics of an alarm by their ids, what computes its value, and its period in seconds."""
    if alarm.rule or alarm.threshold_metric_id or alarm.extended_statistic:
        raise NotImplementedError("an alarm on other alarms, on a band of anomalies or on a percentile")
    if alarm.unit:
        raise NotImplementedError("an alarm that names a unit")
    if not alarm.metric_data_queries:
        dimensions = {each.name or "": each.value or "" for each in alarm.dimensions}
        source = _Source(key_of(alarm.namespace, alarm.metric_name, dimensions), _known(alarm.statistic))
        return {"metric": source}, lambda values: values["metric"], int(alarm.period)
    sources: dict[str, _Source] = {}
    periods: set[int] = set()
    for query in alarm.metric_data_queries:
        if stat := query.metric_stat:
            if stat.unit:
                raise NotImplementedError("an alarm that names a unit")
            dimensions = {each.name or "": each.value or "" for each in stat.metric.dimensions}
            key = key_of(stat.metric.namespace, stat.metric.metric_name, dimensions)
            sources[query.id] = _Source(key, _known(stat.stat))
            periods.add(int(stat.period))
    if len(periods) != 1:
        raise ValidationError("All metrics of an alarm must have the same period.")
    returned = [query for query in alarm.metric_data_queries if returns_data(query)]
    expressions = [query for query in alarm.metric_data_queries if query.expression]
    if len(returned) != 1:
        raise ValidationError("Exactly one element of the metrics list should return data.")
    if [query for query in expressions if query is not returned[0]]:
        raise NotImplementedError("an alarm with more than one metric math expression")
    return sources, formula(returned[0].expression or returned[0].id, sources), periods.pop()


def returns_data(query: models.MetricDataQuery) -> bool:
    """Say whether the alarm watches this element of its list. moto's type of ReturnData is wrong."""
    wanted: Any = query.return_data
    return wanted is not False


def _known(statistic: str | None) -> str:
    if statistic not in STATISTICS:
        raise NotImplementedError(f"an alarm on the statistic {statistic}")
    return statistic


def stamp(moment: datetime) -> str:
    """Return a time as the documents of alarms have it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"
