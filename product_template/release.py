"""Write a product version: `python -m product_template.release 1.0.0`."""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

import aws_cdk as cdk

from product_template.lines import LINES, POSTGRESQL_14, Line
from product_template.tap_stack import TapStack

VERSIONS = Path(__file__).parent / "versions"
# CloudFormation's limit for a template in S3 (CloudFormation User Guide, "Quotas").
MAX_BYTES = 1_000_000


def synthesize(line: Line = POSTGRESQL_14) -> dict[str, Any]:
    """Return TapStack's template as a version holds it: self-contained, so an asset in it is an error."""
    app = cdk.App(analytics_reporting=False)
    TapStack(app, "TapStack", line=line, synthesizer=cdk.BootstraplessSynthesizer())
    template: dict[str, Any] = app.synth().get_stack_by_name("TapStack").template
    return template


def write(version: str, directory: Path = VERSIONS) -> Path:
    """Write what TapStack synthesizes to as `version` and return the file.

    Raises:
        ValueError: `version` is not of the form 1.2.3, or the template is too large for CloudFormation.
        FileExistsError: the version is there already. Versions never change.
    """
    if not re.fullmatch(r"(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}", version):
        raise ValueError(f"A version has the form 1.2.3, but this one is {version!r}.")
    path = directory / f"{version}.template.json"
    if path.exists():
        raise FileExistsError(f"Version {version} exists and versions never change. Choose the next number.")
    text = json.dumps(synthesize(LINES[int(version.split(".")[0])]), indent=1) + "\n"
    if len(text.encode()) > MAX_BYTES:
        raise ValueError(f"The template has {len(text.encode())} bytes, CloudFormation takes {MAX_BYTES}.")
    path.write_text(text)
    return path


def main(arguments: list[str] | None = None) -> None:
    """Write the version that the command line names and say what comes next.

    Raises:
        SystemExit: the version was refused; its message says why.
    """
    parser = argparse.ArgumentParser(prog="python -m product_template.release", description=__doc__)
    parser.add_argument("version", help="the new version, such as 1.1.0")
    version = parser.parse_args(arguments).version
    try:
        path = write(version)
    except (FileExistsError, ValueError) as error:
        sys.exit(str(error))
    print(f"Wrote {path}. Next: describe it in CHANGELOG.md, run make test, commit it, then make deploy.")  # noqa: T201


if __name__ == "__main__":
    main()
