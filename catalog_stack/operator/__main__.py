"""`list` shows what is under way, stuck or not confirmed; the other commands decide about one operation."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from botocore.exceptions import BotoCoreError, ClientError

from .deployed import DeployedEngine
from .operation import Operation, OperationNotFoundError, RefusedError

HEAD = ("record", "product", "kind", "where", "age", "status")
_NOTHING = "No operation is under way, and none is stuck."
LONGEST_REASON = 1500  # Service Catalog takes 2048 characters, and the engine adds what to do next


def main(words: Sequence[str] | None = None) -> int:
    """Run the command in `words`, by default those of the command line. Return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m catalog_stack.operator", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="what is under way, stuck or not confirmed")
    unsticking = commands.add_parser("unstick", help="end one operation as failed")
    unsticking.add_argument("record", metavar="RECORD", help="the record's id, rec-…")
    unsticking.add_argument("reason", metavar="REASON", help="a sentence for the user")
    unsticking.add_argument("--force", action="store_true", help="stop it if it is still running")
    for command, does in (
        ("confirm", "do an operation that Service Catalog does not confirm"),
        ("drop", "forget an operation that Service Catalog does not confirm"),
    ):
        deciding = commands.add_parser(command, help=does)
        deciding.add_argument("record", metavar="RECORD", help="the record's id, rec-…")
    arguments = parser.parse_args(words)
    try:
        if arguments.command == "list":
            return list_operations(DeployedEngine())
        if not arguments.record:
            raise RefusedError(
                f"Say which record: make {arguments.command} RECORD=rec-… To see them: make operations"
            )
        if arguments.command == "confirm":
            return confirm(DeployedEngine(), arguments.record)
        if arguments.command == "drop":
            return drop(DeployedEngine(), arguments.record)
        return unstick(DeployedEngine(), arguments.record, arguments.reason.strip(), force=arguments.force)
    except (OperationNotFoundError, RefusedError, BotoCoreError, ClientError) as error:
        print(error, file=sys.stderr)
        return 1


def list_operations(engine: DeployedEngine) -> int:
    """Print a table of operations, oldest first, and the commands that decide about one."""
    unconfirmed = engine.unconfirmed()
    found = sorted([*engine.operations(), *unconfirmed], key=lambda operation: operation.since)
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
    if unconfirmed:
        print("\nNot done, because Service Catalog does not confirm it:")
        for operation in unconfirmed:
            print(f"  {operation.record_id}: {operation.reason}")
        print(
            "Read docs/runbook/engine.md#unconfirmed. To do one all the same: make confirm RECORD=rec-… To "
            "forget it: make drop RECORD=rec-…"
        )
    return 0


def confirm(engine: DeployedEngine, record_id: str) -> int:
    """Do an operation that Service Catalog does not confirm.

    Raises:
        OperationNotFoundError: there is none of that record.
        RefusedError: it should not be done.
    """
    first, *others = engine.unconfirmed(record_id)
    if any(other.identity != first.identity for other in others):
        raise RefusedError(
            f"Several operations claim record {record_id}, so some of them are forged. Nothing was started. "
            f"Drop all of them: make drop RECORD={record_id}"
        )
    engine.confirm(first)
    for message in (first, *others):
        engine.drop(message)
    print(
        f"{first.kind} of {first.product} (record {record_id}) has begun, on your word. If Service Catalog "
        "now shows the record and contradicts it, the engine changes nothing, and make operations lists it "
        "again."
    )
    return 0


def drop(engine: DeployedEngine, record_id: str) -> int:
    """Delete every message that claims a record and that Service Catalog does not confirm.

    Raises:
        OperationNotFoundError: there is none of that record.
    """
    for operation in engine.unconfirmed(record_id):
        engine.drop(operation)
        print(
            f"{operation.kind or 'An operation'} of {operation.product or '?'} (record {record_id}) is "
            "forgotten. Nothing was changed, and nobody was answered. Its message is the input of execution "
            f"{operation.execution_arn}"
        )
    return 0


def unstick(engine: DeployedEngine, record_id: str, reason: str, *, force: bool) -> int:
    """End the operation of a record as failed. The user reads `reason`.

    Raises:
        OperationNotFoundError: the engine keeps nothing of it.
        RefusedError: it should not, or can't, be ended.
    """
    if not 0 < len(reason) <= LONGEST_REASON:
        raise RefusedError(
            f"Say why, in 1 to {LONGEST_REASON} characters, which the user reads: make unstick "
            f'RECORD={record_id} REASON="…"'
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
