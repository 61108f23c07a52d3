"""CloudWatch Logs' API over HTTP, with TestMetricFilter."""

from __future__ import annotations

import json

from moto.logs.responses import LogsResponse

from .filter_pattern import parse


class LocalLogsResponse(LogsResponse):
    """Tests filter patterns."""

    def test_metric_filter(self) -> str:
        """Answer with the messages that match a pattern."""
        pattern = parse(self._get_param("filterPattern"))
        matches = [
            {"eventNumber": number, "eventMessage": message, "extractedValues": {}}
            for number, message in enumerate(self._get_param("logEventMessages"), start=1)
            if pattern.matches(message)
        ]
        return json.dumps({"matches": matches})
