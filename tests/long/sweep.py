"""Take away, one at a time, every permission that the newest version's life needs: does the failure name it?

`python -m tests.long.sweep` takes most of an hour, less with the names of roles or phases alone;
test_refusals.py tries one permission of each step.
"""

import sys
import tempfile
from itertools import count
from pathlib import Path
from typing import Any

from tests.privilege.exceptions import NOT_MISSED
from tests.privilege.life import NEWEST_OF_LINE_2, Lives, Request, actions_of, lives, reason, without
from tests.support.catalog import synthesize

ROLES = ("TapStackExecution", "SCLaunch-TapStack")


def main() -> None:
    """Print a line for each permission. Exit with the number of those that no failure named."""
    wanted = set(sys.argv[1:])
    assembly = Path(tempfile.mkdtemp())
    synthesize(assembly)
    with lives(assembly) as cloud:
        _live(cloud, "known")
        silent = sum(
            not _names(cloud, role, action, phase)
            for phase in PHASES
            for role, action in _first_asked(cloud, phase)
            if not wanted or wanted & {role, phase}
        )
    sys.exit(silent)


_numbers = count()
# The phases that a product needs before a phase: the end deletes the upgrade's snapshot.
BEFORE = {
    "provision": (),
    "update": ("provision",),
    "upgrade": ("provision",),
    "terminate": ("provision", "upgrade"),
}
PHASES = tuple(BEFORE)


def _live(cloud: Lives, suffix: str) -> None:
    """Run a product's life that uses every permission that is to be taken away."""
    product = ""
    for phase in PHASES:
        with cloud.phase(phase):
            record = _do(cloud, phase, suffix, product)
        assert record["Status"] == "SUCCEEDED", reason(record)
        product = record["ProvisionedProductId"]


def _do(cloud: Lives, phase: str, suffix: str, product: str) -> dict[str, Any]:
    """Go through a phase of a product's life, and return its record."""
    if phase == "provision":
        record = cloud.provision(suffix, EnvironmentSuffix=suffix, OpsEmails="a@example.com")
        cloud.confirm_mail()
        return record
    if phase == "update":
        return cloud.update(product, OpsEmails="b@example.com", BackupRetentionDays="21")
    if phase == "upgrade":
        return cloud.update(product, NEWEST_OF_LINE_2, AllowMajorVersionUpgrade="17")
    return cloud.terminate(product)


def _first_asked(cloud: Lives, phase: str) -> list[tuple[str, str]]:
    """The permissions of both roles that a phase is the first to use, without those from key policies."""
    before = {_permission(one) for name in PHASES[: PHASES.index(phase)] for one in cloud.asked[name]}
    here = {_permission(one) for one in cloud.asked[phase]} - before
    tolerated = {action for actions in NOT_MISSED.values() for action in actions}
    given = {
        (role.rpartition("/")[2], action)
        for role, documents in cloud.policies.items()
        for action in actions_of(documents)
    }
    return sorted(one for one in here & given if one[0] in ROLES and one[1] not in tolerated)


def _permission(request: Request) -> tuple[str, str]:
    return request.role.rpartition("/")[2], request.action


def _names(cloud: Lives, role: str, action: str, phase: str) -> bool:
    """Whether the phase fails without the permission, with a reason that names the action."""
    suffix, product = f"swept-{next(_numbers)}", ""
    for before in BEFORE[phase]:
        record = _do(cloud, before, suffix, product)
        assert record["Status"] == "SUCCEEDED", reason(record)
        product = record["ProvisionedProductId"]
    with without(cloud.cloud, role, action):
        record = _do(cloud, phase, suffix, product)
    named = record["Status"] == "FAILED" and action in reason(record)
    line = f"{'named ' if named else 'SILENT'} {phase:9} {role:18} {action:45} {reason(record)[:150]!r}"
    print(line, flush=True)
    if record["Status"] == "FAILED" or phase != "terminate":
        ended = cloud.terminate(record["ProvisionedProductId"])
        assert ended["Status"] == "SUCCEEDED", reason(ended)
    return named


if __name__ == "__main__":
    main()
