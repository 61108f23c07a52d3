"""A Lambda deployment package, unpacked, with compiled libraries that this interpreter can load."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.tags import parse_tag, sys_tags

# What Lambda's Python runtime includes ("Runtime-included SDK versions", Lambda guide). It is last on the
# path: a version in the package wins, as on AWS.
RUNTIME_INCLUDED = ("boto3", "botocore", "jmespath", "python-dateutil", "s3transfer", "six", "urllib3")

# Libraries whose import takes most of a cold start.
SLOW_LIBRARIES = ("boto3", "msgspec", "aws_lambda_powertools")


class UnloadableBuildError(Exception):
    """The package has a library compiled for another machine, and this environment lacks that version."""


class Code:
    """One deployment package, known by the hash of its bytes.

    Args:
        package: the ZIP file.
        directory: an empty directory for it alone.

    Attributes:
        search_path: the directories in which a function's process looks for modules.
        slow_libraries: those of SLOW_LIBRARIES that a function of this package may import.

    Raises:
        zipfile.BadZipFile: `package` is not a ZIP file.
        UnloadableBuildError: this environment lacks the same version of a compiled library in the package.
    """

    def __init__(self, package: bytes, directory: Path) -> None:
        self.task_root = directory / "task"
        with zipfile.ZipFile(io.BytesIO(package)) as archive:
            archive.extractall(self.task_root)
        builds, included = directory / "builds", directory / "runtime"
        builds.mkdir()
        included.mkdir()
        for carried in Distribution.discover(path=[str(self.task_root)]):
            if not _fits(carried):
                _link(_same_version(carried), builds)
        for name in RUNTIME_INCLUDED:
            _link(distribution(name), included)
        self.search_path = [builds, self.task_root, included]
        self.slow_libraries = _mentioned(SLOW_LIBRARIES, self.task_root)


def _mentioned(names: Iterable[str], directory: Path) -> list[str]:
    """Return those of `names` that the Python code below `directory` mentions anywhere."""
    missing = set(names)
    for file in directory.rglob("*.py"):
        if not missing:
            break
        text = file.read_bytes()
        missing = {name for name in missing if name.encode() not in text}
    return [name for name in names if name not in missing]


def _fits(carried: Distribution) -> bool:
    wheel = carried.read_text("WHEEL") or ""
    tags = [line.partition(":")[2].strip() for line in wheel.splitlines() if line.startswith("Tag:")]
    supported = set(sys_tags())
    return not tags or any(not supported.isdisjoint(parse_tag(tag)) for tag in tags)


def _same_version(carried: Distribution) -> Distribution:
    name, version = carried.metadata["Name"], carried.version
    try:
        installed = distribution(name)
    except PackageNotFoundError:
        raise UnloadableBuildError(
            f"the code carries {name} {version} compiled for another machine, and {name} is not installed "
            f"here; install {name}=={version}"
        ) from None
    if installed.version != version:
        raise UnloadableBuildError(
            f"the code carries {name} {version} compiled for another machine, and {name} {installed.version} "
            f"is installed here; install {name}=={version}"
        )
    return installed


def _link(installed: Distribution, directory: Path) -> None:
    tops = {file.parts[0] for file in installed.files or [] if file.parts[0] not in ("..", "__pycache__")}
    for top in tops:
        link = directory / top
        if not link.exists():
            link.symlink_to(Path(str(installed.locate_file(top))))
