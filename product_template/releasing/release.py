"""Write a product version: `python -m product_template.releasing.release 1.5.0`."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import aws_cdk as cdk

from product_template.release_line import POSTGRESQL_14, RELEASE_LINES, ReleaseLine
from product_template.releasing import differences, released_versions
from product_template.releasing.released_versions import JsonTemplate
from product_template.releasing.version import Version
from product_template.tap_stack import TapStack

CHANGELOG = Path(__file__).parents[2] / "CHANGELOG.md"
# CloudFormation's limit for a template in S3 (CloudFormation User Guide, "Quotas").
MAX_BYTES = 1_000_000
# The family of a parameter group can't change, so another major version of PostgreSQL has another group.
REPLACED_BY_MAJOR = {"AWS::RDS::DBParameterGroup"}
# A withdrawn version has no file. Its changelog entry keeps anybody from using its number again.
WITHDRAWN = re.compile(r"^## (\S+) \(withdrawn\)$", re.MULTILINE)
TO_BE_WRITTEN = "*To be written: what it brings, what updating to it does to the database, and for how long.*"


class ReleaseRefusedError(ValueError):
    """A version can't be released, and nothing was written. The message lists every reason."""


def synthesize(line: ReleaseLine = POSTGRESQL_14) -> JsonTemplate:
    """Return TapStack's template as a version's file has it. It needs no other file: an asset is an error."""
    app = cdk.App(analytics_reporting=False)
    TapStack(app, "TapStack", line=line, synthesizer=cdk.BootstraplessSynthesizer())
    template: JsonTemplate = app.synth().get_stack_by_name("TapStack").template
    return template


def release(
    version: Version,
    template: JsonTemplate,
    directory: Path = released_versions.DIRECTORY,
    changelog: Path = CHANGELOG,
) -> Path:
    """Write `template` as `version`, and begin its entry in the changelog. Return the path of the version.

    An entry that exists stays as it is.

    Raises:
        ReleaseRefusedError: the number is wrong, nothing is new, or an update to the version would fail.
    """
    versions, entries = released_versions.templates(directory), changelog.read_text()
    content = (json.dumps(template, indent=1) + "\n").encode()
    reasons = [
        *(
            f"{name} differs from what was released. A released version never changes: restore it from git."
            for name in released_versions.changed_since_release(directory)
        ),
        *_wrong_number(version, versions, withdrawn(entries)),
        *_nothing_new(version, template, versions),
        *_no_update(version, template, versions),
    ]
    if len(content) > MAX_BYTES:
        reasons.append(
            f"The template has {len(content)} bytes, and CloudFormation takes {MAX_BYTES} at most."
        )
    if reasons:
        listed = "\n".join(f"- {reason}" for reason in reasons)
        raise ReleaseRefusedError(f"Version {version} was not released, and nothing was written:\n{listed}")
    path = released_versions.add(version, content, directory)
    if f"## {version}\n" not in entries:
        changelog.write_text(_with_entry(entries, version, template, versions))
    return path


def withdrawn(changelog: str) -> set[Version]:
    """Return the versions that the changelog's text says are withdrawn."""
    return set(map(Version.parse, WITHDRAWN.findall(changelog)))


def _wrong_number(
    version: Version, versions: Collection[Version], withdrawn: Collection[Version]
) -> Iterator[str]:
    if version in versions:
        yield f"{version} exists, and versions never change."
        return
    if version in withdrawn:
        yield f"{version} was withdrawn, and a number is never used again."
        return
    own = [one for one in (*versions, *withdrawn) if one.major == version.major]
    following = [Version(version.major, 0, 0)]
    if own:
        major, minor, patch = max(own)
        following = [Version(major, minor, patch + 1), Version(major, minor + 1, 0)]
    if version not in following:
        after = f"after {max(own)} comes" if own else "the first of its release line is"
        yield f"{version} is out of turn: {after} {' or '.join(map(str, following))}."


def _nothing_new(
    version: Version, template: JsonTemplate, versions: Mapping[Version, JsonTemplate]
) -> Iterator[str]:
    own = [one for one in versions if one.major == version.major]
    if own and versions[max(own)] == template:
        yield f"There is nothing to release: {max(own)} holds what TapStack synthesizes to."


def _no_update(
    version: Version, template: JsonTemplate, versions: Mapping[Version, JsonTemplate]
) -> Iterator[str]:
    """Yield the obstacles to an update from any version of the release line, or of those that it upgrades."""
    line: ReleaseLine | None = RELEASE_LINES[version.major]
    hindered = defaultdict(list)
    while line:
        replaceable = () if line.number == version.major else REPLACED_BY_MAJOR
        for before in (one for one in versions if one.major == line.number):
            for obstacle in differences.obstacles(versions[before], template, replaceable):
                hindered[obstacle].append(before)
        line = line.upgrades
    for obstacle, from_versions in hindered.items():
        yield f"Updating from {', '.join(map(str, sorted(from_versions)))}: {obstacle}"


def _with_entry(
    text: str, version: Version, template: JsonTemplate, versions: Mapping[Version, JsonTemplate]
) -> str:
    """Return the changelog with a new entry on top, for a person to complete."""
    earlier = [one for one in versions if one.major == version.major] or list(versions)
    entry = f"## {version}\n\n{TO_BE_WRITTEN}\n\n"
    if earlier:
        changes = "\n".join(f"- {one}" for one in differences.summary(versions[max(earlier)], template))
        entry += f"Compared with {max(earlier)}:\n\n{changes}\n\n"
    introduction, heading, rest = text.partition("## ")
    return f"{introduction}{entry}{heading}{rest}"


def unreleased() -> list[ReleaseLine]:
    """Return the release lines whose newest version differs from what TapStack synthesizes to."""
    newest = {version.major: template for version, template in released_versions.templates().items()}
    return [line for line in RELEASE_LINES.values() if newest.get(line.number) != synthesize(line)]


def main(arguments: list[str] | None = None) -> None:
    """Release the version that the command line names, and say what comes next.

    Raises:
        SystemExit: the version was refused; its message says why.
    """
    parser = argparse.ArgumentParser(prog="python -m product_template.releasing.release", description=__doc__)
    parser.add_argument("version", help="the new version, such as 1.5.0")
    try:
        version = Version.parse(parser.parse_args(arguments).version)
    except ValueError as error:
        sys.exit(str(error))
    if version.major not in RELEASE_LINES:
        known = ", ".join(f"{line.number} (PostgreSQL {line.postgresql})" for line in RELEASE_LINES.values())
        sys.exit(f"There is no release line {version.major}. product_template/release_line.py has {known}.")
    try:
        path = release(version, synthesize(RELEASE_LINES[version.major]))
    except ReleaseRefusedError as error:
        sys.exit(str(error))
    print(f"Wrote {path} and its checksum. Next:")  # noqa: T201
    for line in unreleased():
        print(f"- release PostgreSQL {line.postgresql} as well: make release VERSION={line.number}.…")  # noqa: T201
    print(  # noqa: T201
        "- complete its entry in CHANGELOG.md and add it to the table in docs/use/upgrading.md\n"
        "- make docs, make check, make test\n"
        "- commit, make deploy"
    )


if __name__ == "__main__":
    main()
