"""The released versions: files that never change, and the sums that show it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

DIRECTORY = Path(__file__).parents[1] / "versions"
# As `sha256sum --check` reads it.
SUMS = "SHA256SUMS"
SUFFIX = ".template.json"

Template = dict[str, Any]


class Version(NamedTuple):
    """A version of the product, ordered as semantic versioning orders them."""

    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> Version:
        """Read a version.

        Raises:
            ValueError: it is not of the form 1.2.3.
        """
        match = re.fullmatch(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)", text)
        if not match:
            raise ValueError(f"A version has the form 1.2.3, but this one is {text!r}.")
        return cls(*map(int, match.groups()))

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


def templates(directory: Path = DIRECTORY) -> dict[Version, Template]:
    """Return the templates of all versions, oldest first."""
    files = {Version.parse(file.name.removesuffix(SUFFIX)): file for file in directory.glob(f"*{SUFFIX}")}
    return {version: json.loads(files[version].read_text()) for version in sorted(files)}


def newest(number: int, versions: Mapping[Version, Template]) -> Version:
    """Return the newest version of a line.

    Raises:
        ValueError: the line has none.
    """
    return max(version for version in versions if version.major == number)


def digests(directory: Path = DIRECTORY) -> dict[str, str]:
    """Return the SHA-256 sums that the versions were released with, in hexadecimal, by file name.

    They are in the order of the releases: a version of the first line may come after one of the second.
    """
    lines = (directory / SUMS).read_text().splitlines()
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def changed_since_release(directory: Path = DIRECTORY) -> list[str]:
    """Return the names of files that are not what was released, are gone, or were never released."""
    present = {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in directory.glob(f"*{SUFFIX}")
    }
    released = digests(directory)
    return sorted(name for name in present | released if present.get(name) != released.get(name))


def add(version: Version, content: bytes, directory: Path = DIRECTORY) -> Path:
    """Write the file of a new version and its sum, and return the file."""
    path = directory / f"{version}{SUFFIX}"
    path.write_bytes(content)
    with (directory / SUMS).open("a") as sums:
        sums.write(f"{hashlib.sha256(content).hexdigest()}  {path.name}\n")
    return path
