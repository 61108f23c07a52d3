"""The README quotes the reasons that the engine gives."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from engine import errors

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text()


def _rows(heading: str) -> list[list[str]]:
    section = README.split(f"# {heading}\n", 1)[1]
    section = re.split(r"^#", section, maxsplit=1, flags=re.MULTILINE)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_every_error_a_user_can_meet_has_a_row() -> None:
    # Of a message that Service Catalog does not confirm, no user is told.
    polled = {
        "EngineError",
        "RecordNotFoundError",
        "RecordMismatchError",
        "ParserInvalidParameterException",
        "ParserAccessDeniedException",
        "ReportRefusedError",
    }
    met = {name for name, thing in vars(errors).items() if isinstance(thing, type)} - polled
    assert met <= {row[1].strip("`") for row in _rows("Error, cause, what to do") if len(row) == 4}


@pytest.mark.parametrize(
    "phrase",
    [row[0].strip("`") for row in _rows("Error, cause, what to do") if len(row) == 4 and "`" in row[0]],
)
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
