"""One operation, read from an execution's input or from a message."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

# A queue's name says the kind of its operations. If SQS does not name a message's queue, the message's field
# `operation` begins with the kind.
QUEUES = {
    f"ServiceCatalogExternal{kind.title()}OperationQueue": kind
    for kind in ("PROVISION", "UPDATE", "TERMINATE")
}


class OperationNotFoundError(Exception):
    """The engine keeps nothing of the record."""


class RefusedError(Exception):
    """The command was refused; the message says why and what to do."""


@dataclass(frozen=True)
class Operation:
    """An operation that somebody may have to end.

    Attributes:
        record_id, product, kind: empty where the engine does not know.
        where: a state of the state machine, `ended`, or a queue.
        since: when it began.
        status: of its execution; `-` without one.
        answer: what the function `report` needs to answer it, Service Catalog's token included.
        stack: the name of its stack.
        execution_arn: empty for a message, except in the queue `unconfirmed`.
        message: URL of the queue and receipt handle; None for an execution.
        reason: why Service Catalog does not confirm it.
    """

    record_id: str
    product: str
    kind: str
    where: str
    since: datetime
    status: str
    answer: dict[str, Any] = field(repr=False)
    stack: str = ""
    execution_arn: str = ""
    message: tuple[str, str] | None = field(default=None, repr=False)
    reason: str = ""

    @property
    def identity(self) -> tuple[str, str, str]:
        """Record, kind and stack: what it is, wherever it is kept."""
        return self.record_id, self.kind, self.stack

    def check(self, record_status: str | None, *, force: bool) -> None:
        """Check that the operation may be ended.

        Raises:
            RefusedError: it was answered, will be answered by its execution, or can't be answered.
        """
        if record_status in ("SUCCEEDED", "FAILED"):
            raise RefusedError(f"Record {self.record_id} has been answered already: it is {record_status}.")
        if not (self.answer.get("token") and self.answer.get("kind")):
            raise RefusedError(
                f"The message of record {self.record_id} lacks the token or the kind of operation, so nobody "
                "can answer it. Only AWS Support can free its product."
            )
        if self.status == "RUNNING" and not force:
            raise RefusedError(
                f"Record {self.record_id} is still in state {self.where!r} and will be answered when that "
                "ends. To stop and fail it nevertheless, add FORCE=yes; what CloudFormation has begun goes "
                "on."
            )
        if self.status == "SUCCEEDED" and not force:
            raise RefusedError(
                f"The execution of record {self.record_id} has succeeded, so it has given its answer, unless "
                "Service Catalog did not confirm it: then make operations shows it as unconfirmed. To end it "
                "as failed nevertheless, add FORCE=yes."
            )


def of_execution(described: Any, state: str) -> Operation:
    """Return the operation in an answer of DescribeExecution; one started by hand has no record."""
    given = _parse(described["input"])
    message = given.get("message")
    return _operation(
        given,
        message if isinstance(message, dict) else {},
        str(given.get("kind", "")),
        where=state,
        since=described["startDate"],
        status=described["status"],
        execution_arn=described["executionArn"],
    )


def of_message(message: Any, queue: str, queue_url: str) -> Operation:
    """Return the operation that a message in one of the engine's queues is about."""
    attributes = message.get("Attributes", {})
    found: dict[str, Any] = {
        "where": queue,
        "since": datetime.fromtimestamp(int(attributes["SentTimestamp"]) / 1000, UTC),
        "status": "-",
        "message": (queue_url, message["ReceiptHandle"]),
    }
    body = _parse(message["Body"])
    source = attributes.get("DeadLetterQueueSourceArn", "").rsplit(":", 1)[-1]
    kind = QUEUES.get(source) or str(body.get("operation") or body.get("kind", "")).split("_")[0]
    found |= {"execution_arn": _plain(body.get("executionArn")), "reason": _printable(body.get("reason"))}
    return _operation(body, body, kind if kind in QUEUES.values() else "", **found)


def _parse(body: str) -> dict[str, Any]:
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    if isinstance(message, dict) and "requestPayload" in message:
        message = message["requestPayload"]  # Lambda's record of an event that a function could not handle
    match message:
        case {"source": "aws.states", "detail": {"name": str(name)}}:
            return {"recordId": f"rec-{name.rpartition('-rec-')[2]}"}
        case dict():
            return message
    return {}


def _plain(value: Any) -> str:
    """Return an id or name without what a shell, `make` or a terminal interprets: anyone may have sent it."""
    return re.sub(r"[^\w.:~-]", "_", str(value or "")[:256], flags=re.ASCII)


def _printable(value: Any) -> str:
    return "".join(each if each.isprintable() else "_" for each in str(value or ""))


def _operation(keys: dict[str, Any], body: dict[str, Any], kind: str, **found: Any) -> Operation:
    product_id = str(keys.get("provisionedProductId") or "")
    return Operation(
        record_id=_plain(keys.get("recordId")),
        product=_plain(body.get("provisionedProductName") or product_id),
        kind=kind,
        answer={
            "kind": kind,
            "token": keys.get("token"),
            "recordId": keys.get("recordId"),
            "provisionedProductId": product_id or None,
        },
        stack=f"TapStack-{product_id}",
        **found,
    )
