"""Take every permission that the newest version's life needs away, one at a time: does the failure name it?

`python -m tests.privilege.sweep` takes half an hour, less with the name of a role; test_refusals.py tries one
permission of each step.
"""

import json
import sys
import tempfile
from itertools import count
from pathlib import Path

from app import build
from local_cloud.trust import ADMINISTRATOR
from tests.privilege.exceptions import NOT_MISSED
from tests.privilege.life import Lives, Request, lives, reason, without

ROLES = ("TapStackExecution", "SCLaunch-TapStack")
ROOT = Path(__file__).parents[2]


def main() -> None:
    """Print a line for each permission of the roles named, or of both; exit with how many failed silently."""
    roles = sys.argv[1:] or ROLES
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    context["catalog:principals"] = [ADMINISTRATOR]
    assembly = Path(build(context=context, outdir=tempfile.mkdtemp()).synth().directory)
    with lives(assembly) as cloud:
        _live(cloud, "known")
        silent = sum(
            not _names(cloud, role, action, phase)
            for phase in PHASES
            for role, action in _first_asked(cloud, phase)
            if role in roles
        )
    sys.exit(silent)


_numbers = count()
PHASES = ("provision", "update", "terminate")


def _live(cloud: Lives, suffix: str) -> None:
    with cloud.phase("provision"):
        product = _launch(cloud, suffix)
    with cloud.phase("update"):
        record = cloud.update(product, OpsEmails="b@example.com", BackupRetentionDays="21")
    assert record["Status"] == "SUCCEEDED", reason(record)
    with cloud.phase("terminate"):
        record = cloud.terminate(product)
    assert record["Status"] == "SUCCEEDED", reason(record)


def _launch(cloud: Lives, suffix: str) -> str:
    record = cloud.provision(suffix, EnvironmentSuffix=suffix, OpsEmails="a@example.com")
    assert record["Status"] == "SUCCEEDED", reason(record)
    cloud.confirm_mail()
    return str(record["ProvisionedProductId"])


def _first_asked(cloud: Lives, phase: str) -> list[tuple[str, str]]:
    """The permissions of both roles that come up in a phase and in none before."""
    before = {_permission(one) for name in PHASES[: PHASES.index(phase)] for one in cloud.asked[name]}
    here = {_permission(one) for one in cloud.asked[phase]} - before
    tolerated = {action for actions in NOT_MISSED.values() for action in actions}
    return sorted(one for one in here if one[0] in ROLES and one[1] not in tolerated)


def _permission(request: Request) -> tuple[str, str]:
    return request.role.rpartition("/")[2], request.action


def _names(cloud: Lives, role: str, action: str, phase: str) -> bool:
    """Whether the operation fails without the permission, and its reason has the action."""
    suffix = f"swept-{next(_numbers)}"
    if phase == "provision":
        with without(cloud.cloud, role, action):
            record = cloud.provision(suffix, EnvironmentSuffix=suffix, OpsEmails="a@example.com")
    else:
        product = _launch(cloud, suffix)
        with without(cloud.cloud, role, action):
            if phase == "update":
                record = cloud.update(product, OpsEmails="b@example.com", BackupRetentionDays="21")
            else:
                record = cloud.terminate(product)
    named = record["Status"] == "FAILED" and action in reason(record)
    line = f"{'named ' if named else 'SILENT'} {phase:9} {role:18} {action:45} {reason(record)[:150]!r}"
    print(line, flush=True)
    if record["Status"] == "FAILED" or phase != "terminate":
        ended = cloud.terminate(record["ProvisionedProductId"])
        assert ended["Status"] == "SUCCEEDED", reason(ended)
    return named


if __name__ == "__main__":
    main()
