"""Cloud assemblies of earlier runs, in build/assemblies, each under a hash of all its inputs."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import mkdtemp

ROOT = Path(__file__).parents[2]
DIRECTORY = ROOT / "build" / "assemblies"
# `cdk synth` reads no file below these. Every other file of the project counts, read or not.
UNREAD = frozenset({"build", "cdk.out", "docs", "local_cloud", "tests"})
# Environment variables that the CDK, its Python libraries and uv read.
VARIABLES = ("CDK_", "JSII_", "NODE_", "PYTHON", "UV_")
# How many assemblies stay: enough for a few settings in turn, and for tests.
KEPT = 6


@dataclass(frozen=True)
class Kept:
    """A finished assembly. It never changes.

    Attributes:
        directory: the cloud assembly.
        made: when it was synthesized.
        new: whether this process made it just now.
    """

    directory: Path
    made: datetime
    new: bool


def kept(inputs: str, make: Callable[[Path], None], directory: Path = DIRECTORY) -> Kept:
    """Return the assembly for these inputs. Make it, if there is none.

    If several processes ask for it at once, the first makes it. The `KEPT` assemblies used last stay.

    Args:
        inputs: `digest` of everything the assembly depends on.
        make: writes the assembly into an empty directory.
        directory: the directory of the assemblies.
    """
    directory.mkdir(parents=True, exist_ok=True)
    finished = directory / inputs
    with (directory / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if new := not finished.exists():
            unfinished = Path(mkdtemp(dir=directory, prefix=".unfinished-"))
            try:
                make(unfinished)
                unfinished.rename(finished)
            except BaseException:
                shutil.rmtree(unfinished)
                raise
        os.utime(finished)
        _drop_all_but_the_last(directory)
    return Kept(finished, datetime.fromtimestamp((finished / "manifest.json").stat().st_mtime), new)


def _drop_all_but_the_last(directory: Path) -> None:
    used = sorted(directory.glob("[!.]*"), key=lambda path: path.stat().st_mtime)
    for path in used[:-KEPT]:
        shutil.rmtree(path)


def digest(
    *more: str,
    root: Path = ROOT,
    unread: frozenset[str] = UNREAD,
    environment: Mapping[str, str] = os.environ,
) -> str:
    """Return the hash of everything that an assembly can depend on.

    These are the project's files, the installed packages, the interpreter, the CDK's settings in the
    environment and in the user's home, and `more`. In doubt it counts: a needless synthesis costs seconds, a
    wrong assembly a day.
    """
    hashed = hashlib.sha256()
    for part in (*_files(root, unread), *_tools(environment), *_settings(environment), *more):
        encoded = part.encode() if isinstance(part, str) else part
        hashed.update(len(encoded).to_bytes(8) + encoded)
    return hashed.hexdigest()[:32]


def _files(root: Path, unread: frozenset[str]) -> Iterator[str | bytes]:
    """Yield path, mode and content of each file of the project, except in `unread` and hidden directories."""
    for place, directories, files in os.walk(root):
        besides = unread if Path(place) == root else frozenset[str]()
        directories[:] = sorted(
            name for name in directories if name not in {"__pycache__", *besides} and not name.startswith(".")
        )
        for name in sorted(files):
            path = Path(place, name)
            yield f"{path.relative_to(root)} {path.stat().st_mode:o}"
            yield path.read_bytes()


def _tools(environment: Mapping[str, str]) -> Iterable[str]:
    search = environment.get("PATH")
    commands = (f"{name} {shutil.which(name, path=search)}" for name in ("cdk", "node", "python"))
    installed = (
        f"{path.parent} {path.name}" for place in sys.path for path in sorted(Path(place).glob("*.dist-info"))
    )
    return (sys.version, *commands, *installed)


def _settings(environment: Mapping[str, str]) -> Iterator[str]:
    for name, value in sorted(environment.items()):
        if name.startswith(VARIABLES):
            yield f"{name}={value}"
    user = Path(environment.get("HOME", "/"), ".cdk.json")
    yield user.read_text() if user.is_file() else ""
