"""What the platform team's commands read and refuse; tests/e2e/answers frees products."""

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from catalog_stack.operator.__main__ import main
from catalog_stack.operator.operation import Operation, RefusedError, of_execution, of_message

ROOT = Path(__file__).parents[2]
QUEUE = "arn:aws:sqs:us-east-1:123456789012:ServiceCatalogExternal{}OperationQueue"


def message(body: Any, queue: str | None = None) -> Operation:
    attributes = {"SentTimestamp": "1795363200000"}
    if queue:
        attributes["DeadLetterQueueSourceArn"] = QUEUE.format(queue)
    text = body if isinstance(body, str) else json.dumps(body)
    return of_message(
        {"Body": text, "ReceiptHandle": "handle", "Attributes": attributes}, "dead letters", "url"
    )


@pytest.mark.parametrize("kind", ["provision", "update", "terminate"])
def test_a_message_says_whose_it_is_and_its_queue_of_which_kind(event: Any, kind: str) -> None:
    given = event(kind) | {"operation": "EXPLODE"}
    found = message(given, kind.title())
    assert (found.record_id, found.product, found.kind) == (given["recordId"], "payments-db", kind.upper())
    assert found.answer == {
        "kind": kind.upper(),
        "token": given["token"],
        "recordId": given["recordId"],
        "provisionedProductId": given["provisionedProductId"],
    }


def test_without_its_queue_a_message_is_of_the_kind_it_calls_itself(event: Any) -> None:
    assert message(event("update")).kind == "UPDATE"
    assert message(event("update") | {"operation": "EXPLODE"}).kind == ""


def test_an_event_that_nobody_could_handle_says_whose_execution_it_is_about(event: Any) -> None:
    died = event("execution_timed_out")
    assert message(died).record_id == "rec-6zfcyj6jqsoj6"
    assert message({"requestPayload": died}).record_id == "rec-6zfcyj6jqsoj6"


@pytest.mark.parametrize("body", ["not json", "[]", "{}", "[" * 100_000, '{"token": 5, "recordId": null}'])
def test_whatever_lies_in_a_queue_is_listed_and_refused_in_words(body: str) -> None:
    found = message(body)
    assert found.record_id in ("", "None")
    with pytest.raises(RefusedError, match="lacks the token"):
        found.check(None, force=True)


def test_nothing_that_a_message_says_is_obeyed_by_shell_make_or_terminal() -> None:
    found = of_message(
        {
            "Body": json.dumps(
                {
                    "kind": "TERMINATE",
                    "recordId": "rec-1$(shell id)`id`;id",
                    "provisionedProductName": "payments\x1b[2K",
                    "executionArn": "arn:aws:states:us-east-1:123456789012:execution:TapStackEngine:a\nb",
                    "reason": "has ended.\r\nTo go on: make confirm\x1b]0;",
                }
            ),
            "ReceiptHandle": "handle",
            "Attributes": {"SentTimestamp": "1795363200000"},
        },
        "unconfirmed",
        "url",
    )
    assert found.record_id == "rec-1__shell_id__id__id"
    assert found.product == "payments__2K"
    assert found.execution_arn == "arn:aws:states:us-east-1:123456789012:execution:TapStackEngine:a_b"
    assert found.reason == "has ended.__To go on: make confirm_]0;"


@pytest.mark.parametrize("command", ["confirm", "drop", "unstick"])
def test_make_hands_a_record_on_as_it_is(command: str, tmp_path: Path) -> None:
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    python.chmod(0o755)
    bad = f'rec-$(shell touch {tmp_path}/obeyed)`touch {tmp_path}/obeyed`"$$'
    words = ["make", "--silent", f"--file={ROOT}/Makefile", "--assume-old=.venv/.synced", command]
    words += [f"RECORD={bad}", *([f"REASON={bad}"] if command == "unstick" else [])]
    said = subprocess.run(words, cwd=tmp_path, check=True, capture_output=True, text=True).stdout.splitlines()
    assert said == ["-m", "catalog_stack.operator", command, bad, *([bad] if command == "unstick" else [])]
    assert not (tmp_path / "obeyed").exists()


def execution(status: str) -> Operation:
    given = {"kind": "UPDATE", "token": "secret", "recordId": "rec-1", "provisionedProductId": "pp-1"}
    described = {"input": json.dumps(given | {"message": {"provisionedProductName": "payments"}})}
    facts = {"executionArn": "arn", "status": status, "startDate": datetime.now(UTC)}
    return of_execution(described | facts, "Wait for stack")


@pytest.mark.parametrize(
    ("status", "record", "says"),
    [
        ("RUNNING", "OPEN", "is still in state 'Wait for stack'"),
        ("SUCCEEDED", "OPEN", "has given its answer"),
        ("ABORTED", "FAILED", "has been answered already: it is FAILED"),
    ],
)
def test_what_needs_no_help_is_refused_with_what_to_do(status: str, record: str, says: str) -> None:
    with pytest.raises(RefusedError, match=says):
        execution(status).check(record, force=False)


@pytest.mark.parametrize(
    ("status", "record", "force"),
    [
        ("ABORTED", "OPEN", False),
        ("FAILED", None, False),
        ("RUNNING", "OPEN", True),
        ("SUCCEEDED", None, True),
    ],
)
def test_what_is_stuck_or_forced_may_be_ended(status: str, record: str | None, force: bool) -> None:
    execution(status).check(record, force=force)


def test_a_token_does_not_show_when_an_operation_is_printed() -> None:
    assert "secret" not in repr(execution("RUNNING"))


@pytest.mark.parametrize("words", [("unstick", "", "why"), ("confirm", ""), ("drop", "")])
def test_a_command_about_no_record_does_nothing_and_says_so(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 1
    assert f"Say which record: make {words[0]} RECORD=rec-…" in capsys.readouterr().err
