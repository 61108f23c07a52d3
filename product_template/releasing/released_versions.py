"""The released versions: files that never change, and the checksums that prove it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from product_template.releasing.version import Version

DIRECTORY = Path(__file__).parents[1] / "versions"
# In the format of `sha256sum --check`.
SUMS = "SHA256SUMS"
ENDING = ".template.json"

# A CloudFormation template, parsed.
JsonTemplate = dict[str, Any]


def templates(directory: Path = DIRECTORY) -> dict[Version, JsonTemplate]:
    """Return the templates of all versions, oldest first."""
    files = {Version.parse(file.name.removesuffix(ENDING)): file for file in directory.glob(f"*{ENDING}")}
    return {version: json.loads(files[version].read_text()) for version in sorted(files)}


def newest(number: int, versions: Mapping[Version, JsonTemplate]) -> Version:
    """Return the newest of the `versions` in the release line with this number.

    Raises:
        ValueError: the release line has none.
    """
    return max(version for version in versions if version.major == number)


def digests(directory: Path = DIRECTORY) -> dict[str, str]:
    """Return the SHA-256 sums that the versions were released with, in hexadecimal, by file name.

    They are in the order of their releases: 1.5.0 may come after 2.0.0.
    """
    lines = (directory / SUMS).read_text().splitlines()
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def changed_since_release(directory: Path = DIRECTORY) -> list[str]:
    """Return the names of files that differ from what was released, are missing, or were never released."""
    present = {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in directory.glob(f"*{ENDING}")
    }
    released = digests(directory)
    return sorted(name for name in present | released if present.get(name) != released.get(name))


def add(version: Version, content: bytes, directory: Path = DIRECTORY) -> Path:
    """Write the file of a new version and its checksum. Return the file's path."""
    path = directory / f"{version}{ENDING}"
    path.write_bytes(content)
    with (directory / SUMS).open("a") as sums:
        sums.write(f"{hashlib.sha256(content).hexdigest()}  {path.name}\n")
    return path
