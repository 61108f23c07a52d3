"""`make` alone shows the commands; a command refuses what it can't use before it begins."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from product_template.releasing import released_versions
from tests.support.documentation import PAGES

ROOT = Path(__file__).parents[2]


def make(*words: str, directory: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    # If make runs these tests, its variables must not reach the make under test.
    inherited = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "VERSION")}
    return subprocess.run(
        ["make", "--no-print-directory", *words],
        cwd=directory,
        env=inherited | environment,
        capture_output=True,
        text=True,
    )


HELP = make().stdout.splitlines()
EXAMPLES = {line.split()[1]: re.findall(r"[A-Z]+=\S+", line) for line in HELP}


def test_make_alone_fits_a_terminal_with_the_prompts_before_and_after() -> None:
    assert len(HELP) <= 22
    assert max(map(len, HELP)) < 80


def test_make_alone_shows_every_command() -> None:
    documented = re.findall(r"^(\w+):.*##", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    declared = " ".join(re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert set(EXAMPLES) == set(documented) == set(declared.split()) - {"help"}


@pytest.mark.parametrize("command", [command for command, examples in EXAMPLES.items() if examples])
def test_an_example_that_make_shows_is_taken(command: str) -> None:
    assert make("--dry-run", command, *EXAMPLES[command]).stderr == ""


def test_the_version_that_make_shows_as_an_example_is_on_offer() -> None:
    [offered] = [example for example in EXAMPLES["launch"] if example.startswith("VERSION=")]
    assert offered.removeprefix("VERSION=") in map(str, released_versions.templates())


def test_every_command_in_the_documentation_is_taken() -> None:
    text = "\n".join(page.read_text() for page in PAGES)
    commands = set(re.findall(r"make ([a-z]+)((?: [A-Z]+=[^\s`;…]+)+)", text))
    assert len(commands) > 3
    for command, variables in sorted(commands):
        assert make("--dry-run", command, *variables.split()).stderr == ""


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ["launch", "SUFIX=prod"],
            "make launch does not read SUFIX, so nothing was started: it reads SUFFIX EMAILS VERSION.",
        ),
        (["cloud", "SUFFIX=a b"], "make cloud does not read SUFFIX, so nothing was started: it reads PORT."),
        (
            ["test", "RECORD=rec-1"],
            "make test does not read RECORD, so nothing was started: it reads no variable.",
        ),
        (["SUFFIX=prod"], "make help does not read SUFFIX, so nothing was started: it reads no variable."),
    ],
)
def test_a_variable_that_a_command_does_not_read_is_refused(words: list[str], sentence: str) -> None:
    refused = make(*words)
    assert refused.stdout == ""
    assert re.fullmatch(rf"Makefile:\d+: \*\*\* {re.escape(sentence)}  Stop\.\n", refused.stderr)


def test_the_python_to_set_up_with_can_be_named_with_every_command() -> None:
    assert make("--dry-run", "launch", "PYTHON=python3.12").stderr == ""


def test_two_commands_read_the_variables_of_both() -> None:
    assert make("--dry-run", "launch", "cloud", "PORT=5000", "SUFFIX=prod").stderr == ""


@pytest.mark.parametrize("command", ["launch", "release"])
def test_a_version_counts_from_the_command_line_alone(command: str) -> None:
    assert '"2.2.0"' in make("--dry-run", command, "VERSION=2.2.0").stdout
    ignored = make("--dry-run", command, VERSION="pa-aaaaaaaaaaaaa").stdout
    assert ignored.startswith(
        "VERSION=pa-aaaaaaaaaaaaa of the environment does not count: "
        f"write it behind make {command} if you mean it.\n"
    )
    assert "pa-aaaaaaaaaaaaa" not in ignored.partition("\n")[2]


def test_a_version_of_the_environment_is_no_news_to_a_command_that_reads_none() -> None:
    assert "VERSION" not in make("--dry-run", "cloud", VERSION="1").stdout


def test_downloads_are_kept_in_the_project_where_home_cannot_be_written() -> None:
    shown = make("--dry-run", "test", HOME=os.devnull).stdout
    assert shown.startswith(f"{os.devnull}/.cache cannot be written, so downloads are kept in .venv/cache.\n")
    assert "cannot be written" not in make("--dry-run", "test").stdout


NOT_SET_UP = (
    "The packages could not be installed, so nothing was set up: connect to a network if there is none, "
)


def test_without_a_network_the_first_command_says_what_to_do(tmp_path: Path) -> None:
    for name in ("Makefile", "pyproject.toml", "uv.lock"):
        shutil.copy(ROOT / name, tmp_path)
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_FIND_LINKS": "", "PIP_RETRIES": "0"}
    without_uv = make("launch", f"PYTHON={sys.executable}", directory=tmp_path, **nowhere)
    assert NOT_SET_UP in without_uv.stderr
    (tmp_path / ".venv" / "bin" / "uv").symlink_to(Path(sys.executable).with_name("uv"))
    without_packages = make("launch", directory=tmp_path, UV_OFFLINE="1", UV_CACHE_DIR=str(tmp_path / "uv"))
    assert NOT_SET_UP in without_packages.stderr
    assert without_packages.returncode
