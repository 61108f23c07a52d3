"""Events of a queue."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.entry_point import logger


def each_record(event: dict[str, Any], take: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Process the records of an event one by one; those that fail return to their queue.

    Every record failing is an ordinary answer, too: raising would make Lambda count a fault of its own.
    Powertools has this as well, but with it come asyncio and the classes of many events.
    """
    failures = []
    for record in event["Records"]:
        logger.set_correlation_id(None)  # that of the record before
        try:
            take(record)
        except Exception as error:
            # The type only: a message that can't be read still holds the token.
            details = {"messageId": record["messageId"], "reason": type(error).__name__}
            logger.error("Message not accepted", extra=details)
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}
