"""Metrics in log lines (CloudWatch User Guide, "Specification: Embedded metric format")."""

from __future__ import annotations

import json
from collections.abc import Iterator


def metrics_in(message: str) -> Iterator[tuple[str, str, float, dict[str, str]]]:
    """Yield the namespace, name, value and dimensions of each data point in a log line.

    A line that is not of the format has none, as on AWS.
    """
    if '"CloudWatchMetrics"' not in message:
        return
    try:
        line = json.loads(message)
        for directive in line["_aws"]["CloudWatchMetrics"]:
            for names in directive["Dimensions"] or [[]]:
                dimensions = {name: str(line[name]) for name in names}
                for metric in directive["Metrics"]:
                    found = line[metric["Name"]]
                    for value in found if isinstance(found, list) else [found]:
                        yield directive["Namespace"], metric["Name"], float(value), dimensions
    except (ValueError, KeyError, TypeError):
        return
