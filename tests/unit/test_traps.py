"""docs/develop/aws-traps.md names the tests that hold each trap."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
TRAPS = {
    line.split("|")[1].strip(): line.split("|")[-2].strip()
    for line in (ROOT / "docs/develop/aws-traps.md").read_text().splitlines()
    if re.match(r"\| [PC]\d+ \|", line)
}


@pytest.mark.parametrize("trap", TRAPS)
def test_a_trap_is_open_or_held_by_tests_that_exist(trap: str) -> None:
    if TRAPS[trap] != "open":
        files = re.findall(r"`([^`]+)`", TRAPS[trap])
        assert files
        assert [file for file in files if "def test_" not in (ROOT / "tests" / file).read_text()] == []


def test_the_key_terminations_pending_changes_reasons_and_roles_are_held() -> None:
    held = {"P1", "P2", "P7", "P8", "P21", "P24", "P27", "P30", "C7", "C12"}
    assert held <= {trap for trap, by in TRAPS.items() if by != "open"}
