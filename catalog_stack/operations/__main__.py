"""`list` shows the operations that are under way or stuck, `unstick` ends one as failed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from botocore.exceptions import BotoCoreError, ClientError

from .engine import Engine
from .operation import Operation, OperationNotFoundError, RefusedError

HEAD = ("record", "product", "kind", "where", "age", "status")
_NOTHING = "No operation is under way, and none is stuck."
LONGEST_REASON = 1500  # Service Catalog takes 2048 characters, and the engine adds what to do next


def main(words: Sequence[str] | None = None) -> int:
    """Run the command that the words name (the command line's by default). Returns 0 when it was done."""
    parser = argparse.ArgumentParser(prog="python -m catalog_stack.operations", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="what is under way, and what is stuck")
    unsticking = commands.add_parser("unstick", help="end one operation as failed")
    unsticking.add_argument("record", metavar="RECORD", help="the record's id, rec-…")
    unsticking.add_argument("reason", metavar="REASON", help="a sentence for the user")
    unsticking.add_argument("--force", action="store_true", help="stop it if it is still running")
    arguments = parser.parse_args(words)
    try:
        if arguments.command == "list":
            return list_operations(Engine())
        return unstick(Engine(), arguments.record, arguments.reason.strip(), force=arguments.force)
    except (OperationNotFoundError, RefusedError, BotoCoreError, ClientError) as error:
        print(error, file=sys.stderr)
        return 1


def list_operations(engine: Engine) -> int:
    """Print a table, the oldest first, and what can be done."""
    found = sorted(engine.operations(), key=lambda operation: operation.since)
    hidden = engine.hidden()
    if hidden:
        print(f"{hidden}\n")
    if not found:
        print("No other operation is under way or stuck." if hidden else _NOTHING)
        return 0
    rows = [HEAD, *(_row(operation) for operation in found)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    print('\nTo end one as failed: make unstick RECORD=rec-… REASON="…"')
    return 0


def unstick(engine: Engine, record_id: str, reason: str, *, force: bool) -> int:
    """End the operation of a record as failed, for the reason given.

    Raises:
        OperationNotFoundError: the engine keeps nothing of it.
        RefusedError: it should not, or can't, be ended.
    """
    if not record_id or not 0 < len(reason) <= LONGEST_REASON:
        raise RefusedError(
            'Say which record and why, in at most 1500 characters: make unstick RECORD=rec-… REASON="…"'
        )
    operation = engine.find(record_id)
    operation.check(engine.record_status(record_id), force=force)
    if operation.status == "RUNNING":
        engine.stop(operation, reason)
    engine.report_failed(operation, reason)
    status = engine.record_status(record_id) or "answered, in another account"
    print(
        f"Record {record_id} ({operation.kind} of {operation.product}) is {status}.\n"
        f"Next: look at stack {operation.stack} in CloudFormation. When it has come to rest, or if there is "
        "none, its user can update or terminate the provisioned product."
    )
    return 0


def _row(operation: Operation) -> tuple[str, ...]:
    facts = (operation.record_id, operation.product, operation.kind, operation.where)
    return *(fact or "?" for fact in facts), _age(operation.since), operation.status


def _age(since: datetime) -> str:
    minutes = int((datetime.now(UTC) - since).total_seconds() // 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // (24 * 60)} days"


if __name__ == "__main__":
    sys.exit(main())
