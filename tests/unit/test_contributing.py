"""What CONTRIBUTING.md and the workflows name exists."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CODE = re.findall(r"`([^`\n]+)`", (ROOT / "CONTRIBUTING.md").read_text())
PATHS = sorted(
    {code for code in CODE if re.fullmatch(r"[\w.-]+(/[\w.-]+)*/?", code) and {"/", "."} & set(code)}
)
NIGHTLY = yaml.safe_load((ROOT / ".github/workflows/nightly.yml").read_text())["jobs"]["long"]
GOALS = {code.split()[1] for code in CODE if code.startswith("make ")} | {
    *NIGHTLY["strategy"]["matrix"]["run"]
}


@pytest.mark.parametrize("path", [path for path in PATHS if path != ".venv"])
def test_every_path_is_there(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize("goal", sorted(GOALS))
def test_every_command_is_one_of_the_makefile(goal: str) -> None:
    assert f"\n{goal}: " in (ROOT / "Makefile").read_text()
