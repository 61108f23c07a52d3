"""CloudWatch's API over HTTP, with what moto lacks of alarms."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from moto.cloudwatch.responses import CloudWatchResponse
from moto.core.responses import ActionResult

from .alarms import Alarm
from .models import LocalCloudWatch

_UNSUPPORTED = ("ActionConfiguration", "EvaluationCriteria", "EvaluationInterval", "EvaluationWindow")
_PAGE = 100


class LocalCloudWatchResponse(CloudWatchResponse):
    """Knows warm-up periods and the history of alarms."""

    @property
    def cloudwatch_backend(self) -> LocalCloudWatch:
        """The CloudWatch of the caller's account and region."""
        found = super().cloudwatch_backend
        assert isinstance(found, LocalCloudWatch)
        return found

    def put_metric_alarm(self) -> ActionResult:
        """Create or change an alarm, if the local cloud can evaluate it."""
        if unknown := [name for name in _UNSUPPORTED if self._get_param(name)]:
            raise NotImplementedError(f"an alarm with {unknown[0]}")
        answer = super().put_metric_alarm()
        alarm = self.cloudwatch_backend.alarms[self._get_param("AlarmName")]
        assert isinstance(alarm, Alarm)
        alarm.warm_up_configuration = self._get_param("WarmUpConfiguration")
        return answer

    def describe_alarm_history(self) -> ActionResult:
        """Show what happened to an alarm, or to all; the newest first, unless the caller asks otherwise."""
        name, kind = self._get_param("AlarmName"), self._get_param("HistoryItemType")
        start, end = self._get_param("StartDate"), self._get_param("EndDate")
        found = [
            item
            for item in list(self.cloudwatch_backend.history)
            if name in (None, item.alarm_name)
            and kind in (None, item.history_item_type)
            and (start is None or _aware(start) <= item.timestamp)
            and (end is None or item.timestamp <= _aware(end))
        ]
        if self._get_param("ScanBy") != "TimestampAscending":
            found.reverse()
        first = int(self._get_param("NextToken") or 0)
        last = first + int(self._get_param("MaxRecords") or _PAGE)
        page: dict[str, Any] = {"AlarmHistoryItems": found[first:last]}
        return ActionResult(page | ({"NextToken": str(last)} if last < len(found) else {}))


def _aware(moment: Any) -> Any:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
