"""Lambda's events with messages of a queue."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.entry_point import logger


def each_message(event: dict[str, Any], take: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Take the messages of an event one by one, and return those that fail to their queue.

    This function does not raise even if every message fails, because Lambda would count an error.
    Powertools has such a function, too, but it loads asyncio and the classes of many events.
    """
    failures = []
    for message in event["Records"]:
        logger.set_correlation_id(None)  # forgets that of the message before
        try:
            take(message)
        except Exception as error:
            # Only the type is logged: the words of the error may quote the token.
            details = {"messageId": message["messageId"], "reason": type(error).__name__}
            logger.error("Message not accepted", extra=details)
            failures.append({"itemIdentifier": message["messageId"]})
    return {"batchItemFailures": failures}
