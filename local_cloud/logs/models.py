"""CloudWatch Logs' metric filters."""

from __future__ import annotations

from typing import Any

from moto.logs.metric_filters import MetricFilters
from moto.logs.models import LogsBackend

from ..moto_seam import Local


class LocalLogs(Local, LogsBackend):
    """CloudWatch Logs. A metric filter replaces the one with its name; moto keeps both."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.filters = _Filters()


class _Filters(MetricFilters):
    def add_filter(self, filter_name: str, filter_pattern: str, log_group_name: str, metrics: Any) -> None:
        self.delete_filter(filter_name, log_group_name)
        super().add_filter(filter_name, filter_pattern, log_group_name, metrics)
