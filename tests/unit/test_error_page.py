"""docs/use/errors.md quotes the reasons that the engine gives."""

import ast
from functools import cache
from pathlib import Path

import pytest
from engine import errors

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "use" / "errors.md").read_text()


def _rows() -> list[list[str]]:
    """The rows about reasons, which have four columns; those about what users read before have three."""
    rows = [line.strip("|").split(" | ") for line in PAGE.splitlines() if line.startswith("| `")]
    return [[cell.strip(" `") for cell in row] for row in rows if len(row) == 4]


def test_every_error_a_user_can_meet_has_a_row() -> None:
    # No user reads about a message that Service Catalog does not confirm.
    polled = {
        "EngineError",
        "RecordNotFoundError",
        "RecordMismatchError",
        "ParserInvalidParameterException",
        "ParserAccessDeniedException",
        "ReportRefusedError",
    }
    met = {name for name, thing in vars(errors).items() if isinstance(thing, type)} - polled
    assert met <= {error for _, error, _, _ in _rows()}


@pytest.mark.parametrize("phrase", [row[0] for row in _rows()])
def test_every_reason_quoted_is_one_the_engine_gives(phrase: str) -> None:
    assert any(phrase in sentence for sentence in _sentences())


@cache
def _sentences() -> set[str]:
    """All strings of the engine, with … where a value goes."""
    found = set()
    for file in (ROOT / "lambdas").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.JoinedStr):
                parts = (part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
                found.add("".join(str(part) for part in parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return found
