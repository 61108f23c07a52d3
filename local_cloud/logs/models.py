"""CloudWatch Logs: log lines become metrics, by metric filters and by embedded metrics."""

from __future__ import annotations

from typing import Any

from moto.logs.metric_filters import MetricFilters
from moto.logs.models import LogsBackend, logs_backends

from ..cloudwatch.models import backend as cloudwatch
from ..moto_seam import Local, running
from .embedded_metrics import metrics_in
from .filter_pattern import FilterPattern, parse


class LocalLogs(Local, LogsBackend):
    """CloudWatch Logs. Every line that enters a log group is counted by the metric filters of the group."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.filters: _Filters = _Filters()

    def write(self, group: str, stream: str, events: list[dict[str, Any]]) -> None:
        """Write the lines of a service into a log group that exists, and create the stream if it is missing.

        Args:
            group: the name of the log group.
            stream: the name of the log stream.
            events: the lines, each with "timestamp" (milliseconds, real time) and "message".
        """
        if stream not in self.groups[group].streams:
            self.create_log_stream(group, stream)
        self.put_log_events(group, stream, events)

    def put_log_events(
        self, log_group_name: str, log_stream_name: str, log_events: list[dict[str, Any]]
    ) -> tuple[str, dict[str, Any]]:
        """Keep log events, and publish the metrics that they make."""
        answer = super().put_log_events(log_group_name, log_stream_name, log_events)
        for metric_filter in self.filters.of(log_group_name):
            matching = sum(metric_filter.pattern.matches(event["message"]) for event in log_events)
            for _ in range(matching):
                metric_filter.publish(metric_filter.value)
            if not matching and metric_filter.default is not None and log_events:
                metric_filter.publish(metric_filter.default, default=True)
        for event in log_events:
            for namespace, name, value, dimensions in metrics_in(event["message"]):
                cloudwatch().publish(namespace, name, value, dimensions)
        return answer


class _Filter:
    """A metric filter.

    Raises:
        NotImplementedError: the local cloud can't find its pattern, value or dimensions in a line.
    """

    def __init__(self, pattern: str, transformation: dict[str, Any]) -> None:
        self.pattern: FilterPattern = parse(pattern)
        self._namespace, self._name = transformation["metricNamespace"], transformation["metricName"]
        if transformation.get("dimensions"):
            raise NotImplementedError("a metric filter with dimensions")
        try:
            self.value = float(transformation["metricValue"])
        except ValueError:
            raise NotImplementedError(
                f"a metric filter with the value {transformation['metricValue']}"
            ) from None
        default = transformation.get("defaultValue")
        self.default = None if default is None else float(default)

    def publish(self, value: float, *, default: bool = False) -> None:
        cloudwatch().publish(self._namespace, self._name, value, {}, default=default)


class _Filters(MetricFilters):
    """The metric filters of all log groups. A filter replaces the one with its name; moto keeps both."""

    def __init__(self) -> None:
        super().__init__()
        self._parsed: dict[str, dict[str, _Filter]] = {}  # log group -> name -> filter

    def of(self, log_group_name: str) -> list[_Filter]:
        """Return the filters of a log group."""
        return list(self._parsed.get(log_group_name, {}).values())

    def add_filter(self, filter_name: str, filter_pattern: str, log_group_name: str, metrics: Any) -> None:
        """Add a filter, if the local cloud can count with it."""
        parsed = _Filter(filter_pattern, metrics[0])
        self.delete_filter(filter_name, log_group_name)
        self._parsed.setdefault(log_group_name, {})[filter_name] = parsed
        super().add_filter(filter_name, filter_pattern, log_group_name, metrics)

    def delete_filter(
        self, filter_name: str | None = None, log_group_name: str | None = None
    ) -> list[dict[str, Any]]:
        """Delete a filter."""
        self._parsed.get(log_group_name or "", {}).pop(filter_name or "", None)
        return super().delete_filter(filter_name, log_group_name)


def backend() -> LocalLogs:
    """Return the CloudWatch Logs of the running local cloud."""
    return running(logs_backends, LocalLogs)
