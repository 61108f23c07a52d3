"""A Lambda deployment package on this machine: unpacked, and with builds that this interpreter can load."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.tags import parse_tag, sys_tags

# What the Python runtime of Lambda brings along ("Runtime-included SDK versions" in the Lambda guide). It is
# last on the path, so a version that the package carries wins, as on AWS.
RUNTIME_INCLUDED = ("boto3", "botocore", "jmespath", "python-dateutil", "s3transfer", "six", "urllib3")

# What takes most of a cold start to load.
SLOW_LIBRARIES = ("boto3", "msgspec", "aws_lambda_powertools")


class UnloadableBuildError(Exception):
    """The package carries a compiled library for another machine, and this environment has no build of it."""


class Code:
    """One deployment package, known by the hash of its bytes.

    Args:
        package: the zip file.
        directory: an empty directory of its own.

    Attributes:
        search_path: where a function's process finds its modules.
        slow_libraries: those of SLOW_LIBRARIES that a function of this package may import.

    Raises:
        zipfile.BadZipFile: `package` is not a zip file.
        UnloadableBuildError: a compiled library of the package cannot be replaced by the same version for
            this interpreter.
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
    """Return those of `names` that stand anywhere in the Python code below `directory`."""
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
