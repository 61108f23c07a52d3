"""What a person waits for who works on this, at two commits, in turn on one machine."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from product_template.releasing.tables import table

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Wait:
    """A command, what it is to end with, and how often it is measured."""

    name: str
    command: Sequence[str]
    fails: bool = False
    runs: int = 1


# In this order: the first launch sets up the environment of the others.
WAITS = (
    Wait("the first `make launch` in a fresh clone", ("make", "launch")),
    Wait("`make launch` again", ("make", "launch"), runs=3),
    Wait("`make launch` with input that breaks a rule", ("make", "launch", "SUFFIX=Bad_Suffix"), True, 3),
    Wait("`make test`", ("make", "test"), runs=2),
)


def measure(console: Console, before: str, after: str = "HEAD") -> str:
    """Return the medians at two commits as a table.

    Raises:
        RuntimeError: a command did not end as it should; the message is the end of what it printed.
    """
    commits = [_short(before), _short(after)]
    with TemporaryDirectory(prefix="bench-") as directory:
        trees = [_clone(commit, Path(directory, str(number))) for number, commit in enumerate(commits)]
        rows = []
        for wait in WAITS:
            seconds: list[list[float]] = [[], []]
            for _ in range(wait.runs):
                for taken, tree in zip(seconds, trees, strict=True):
                    taken.append(_seconds(wait, tree))
            old, new = map(statistics.median, seconds)
            rows.append([wait.name, str(wait.runs), f"{old:.0f} s", f"{new:.0f} s", f"{1 - new / old:.0%}"])
            console.print(" · ".join(rows[-1]))
    cores = os.cpu_count()
    return table([f"on {cores} cores, median", "runs", f"at {commits[0]}", f"at {commits[1]}", "less"], rows)


def _short(commit: str) -> str:
    command = ["git", "rev-parse", "--short", commit]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def _clone(commit: str, tree: Path) -> Path:
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(tree)], check=True)
    subprocess.run(["git", "checkout", "--quiet", commit], cwd=tree, check=True)
    return tree


def _seconds(wait: Wait, tree: Path) -> float:
    """Run a command as in a terminal of its own: without what this make and this environment export."""
    ours = str(ROOT / ".venv")
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONPATH", "VIRTUAL_ENV") and not name.startswith("MAKE")
    }
    places = os.environ["PATH"].split(os.pathsep)
    environment["PATH"] = os.pathsep.join(place for place in places if not place.startswith(ours))
    started = time.monotonic()
    done = subprocess.run(
        wait.command, cwd=tree, env=environment, capture_output=True, text=True, check=False
    )
    seconds = time.monotonic() - started
    if bool(done.returncode) != wait.fails:
        raise RuntimeError(
            f"{' '.join(wait.command)} ended with {done.returncode}:\n{done.stdout[-3000:]}{done.stderr}"
        )
    return seconds
