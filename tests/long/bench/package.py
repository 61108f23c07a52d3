"""The deployment package of the functions: its size, and what importing each handler costs."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from local_cloud.lambda_.code import Code
from product_template.releasing.tables import table

ROUNDS = 7
# Lambda's quotas, "Deployment package (.zip file archive) size".
LARGEST_ZIP, LARGEST_UNZIPPED = 50, 250
_ENVIRONMENT = {
    "LAMBDA_TASK_ROOT": "/var/task",
    "AWS_LAMBDA_FUNCTION_NAME": "verb",
    "AWS_DEFAULT_REGION": "us-east-1",
    "POWERTOOLS_SERVICE_NAME": "verb",
    "POWERTOOLS_METRICS_NAMESPACE": "TapStackEngine",
}


def directory(assembly: Path) -> Path:
    """Return the directory of the functions' code in a cloud assembly: the one with handlers."""
    [found] = {handler.parents[1] for handler in assembly.glob("asset.*/*/handler.py")}
    return found


def sizes(package: Path) -> str:
    """Return the package's size as a table."""
    files = [file for file in package.rglob("*") if file.is_file()]
    parts: Counter[str] = Counter()
    for file in files:
        parts[file.relative_to(package).parts[0]] += file.stat().st_size
    largest = ", ".join(f"{name} {_mb(size)}" for name, size in parts.most_common(4))
    return table(
        ["package", "MB", "Lambda's limit"],
        [
            ["zip", _mb(len(_zipped(package))), str(LARGEST_ZIP)],
            ["unzipped", _mb(sum(parts.values())), str(LARGEST_UNZIPPED)],
            ["of that", largest, ""],
        ],
    )


def imports(package: Path) -> str:
    """Return a table of what each handler costs to import, as a multiple of boto3 alone.

    Processor time of a fresh process, less that of starting Python; the least of some rounds, because the
    machine does other things, too.
    """
    handlers = sorted(f"{handler.parent.name}.handler" for handler in package.glob("*/handler.py"))
    with TemporaryDirectory() as scratch:
        path = Code(_zipped(package), Path(scratch)).search_path
        codes = ["pass", "import boto3", *(f"import {handler}" for handler in handlers)]
        least: dict[tuple[str, bool], float] = {}
        for _ in range(ROUNDS):
            for code in codes:
                for compiled in (True, False):
                    seconds = _seconds(code, path, compiled=compiled)
                    least[code, compiled] = min(seconds, least.get((code, compiled), seconds))
        modules = {code: _modules(code, path) for code in codes}

    def ratio(code: str, *, compiled: bool) -> str:
        empty = least["pass", compiled]
        return f"{(least[code, compiled] - empty) / (least['import boto3', compiled] - empty):.2f}"

    return table(
        ["import", "with bytecode", "without, as in the package", "modules beyond boto3's"],
        [
            [
                code.removeprefix("import ").removesuffix(".handler"),
                ratio(code, compiled=True),
                ratio(code, compiled=False),
                str(len(modules[code] - modules["import boto3"])),
            ]
            for code in codes[1:]
        ],
    )


def _seconds(code: str, path: Sequence[Path], *, compiled: bool) -> float:
    # Without a cache each import compiles, as on Lambda's read-only file system.
    flags = [] if compiled else ["-B", "-X", "pycache_prefix=/nonexistent"]
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-X", "utf8", *flags, "-c", _with(path, code)], env=_ENVIRONMENT
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, code)
    return usage.ru_utime + usage.ru_stime


def _modules(code: str, path: Sequence[Path]) -> set[str]:
    command = [sys.executable, "-I", "-S", "-X", "utf8", "-c"]
    listing = _with(path, f"{code}\nimport sys, json\nprint(json.dumps([*sys.modules]))")
    done = subprocess.run([*command, listing], env=_ENVIRONMENT, check=True, capture_output=True, text=True)
    return set(json.loads(done.stdout))


def _with(path: Sequence[Path], code: str) -> str:
    return f"import sys\nsys.path[:0] = {[str(each) for each in path]!r}\n{code}"


def _zipped(package: Path) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(package.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(package))
    return content.getvalue()


def _mb(size: int) -> str:
    return f"{size / 1e6:.1f}"
