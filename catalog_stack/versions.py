"""The released versions of the product, and the guidance that users get about each."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

VERSIONS = Path(__file__).parent.parent / "product_template" / "versions"


class VersionFileError(ValueError):
    """The product has no version, or a file among its versions is not named like one."""


def version_files(directory: Path) -> dict[str, Path]:
    """Return the template files by version, oldest first, in the order of semantic versioning.

    Raises:
        VersionFileError: there is none, or one is not named `<major>.<minor>.<patch>.template.json`.
    """
    files = {}
    for file in directory.glob("*.json"):
        match = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)\.template\.json", file.name)
        if not match:
            raise VersionFileError(f"{file} is not named like a version, for example 1.0.0.template.json")
        files[tuple(map(int, match.groups()))] = file
    if not files:
        raise VersionFileError(
            f"{directory} holds no version of the product. Write one: make release VERSION=1.0.0"
        )
    return {".".join(map(str, version)): files[version] for version in sorted(files)}


def guidance(versions: Collection[str], inactive: Collection[str]) -> dict[str, str]:
    """Return DEFAULT for the newest active version of each major, and DEPRECATED for all others.

    Args:
        versions: all there are, oldest first.
        inactive: those of them that users don't see.
    """
    newest = {version.partition(".")[0]: version for version in versions if version not in inactive}
    return {version: "DEFAULT" if version in newest.values() else "DEPRECATED" for version in versions}
