"""A maintained IAM simulator, which runs in Node; the lock file next to this pins it."""

import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.privilege.life import Keys, Policies, Request

HERE = Path(__file__).parent
# Node comes with the Python environment.
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Verdict:
    """What the simulator says of a request.

    Attributes:
        allowed: whether the policies of the role, and of the key that it is about, allow it.
        error: why AWS has no such request: the action does not exist, or not for such a resource.
    """

    allowed: bool = False
    error: str = ""


def judge(
    policies: Policies, boundaries: Policies, keys: Keys, requests: Iterable[Request]
) -> dict[Request, Verdict]:
    """Decide each request by the policies and the boundary of its role, and the policy of its key."""
    asked = list(requests)
    verdicts = judge_each(policies, boundaries, keys, [(one.role, one) for one in asked])
    return dict(zip(asked, verdicts, strict=True))


def judge_each(
    policies: Policies, boundaries: Policies, keys: Keys, cases: list[tuple[str, Request]]
) -> list[Verdict]:
    """Judge requests, each against the policies under the name that comes with it.

    Args:
        policies: their documents by name.
        boundaries: the document of a role's permissions boundary, for roles that have one.
        keys: the policies of keys by ARN.
        cases: the name of the policies, and the request.
    """
    _install()
    question = {
        "policies": policies,
        "boundaries": boundaries,
        "keys": keys,
        "requests": [one._asdict() | {"context": _context(one), "policies": key} for key, one in cases],
    }
    done = subprocess.run(
        [BIN / "node", HERE / "simulate.mjs"],
        input=json.dumps(question),
        capture_output=True,
        text=True,
        check=True,
    )
    return [Verdict(**each) for each in json.loads(done.stdout)]


def _context(request: Request) -> dict[str, str | list[str]]:
    """The condition keys of a request; the simulator takes a list for a key with several values."""
    return {
        key: value.split(",") if key == "kms:ResourceAliases" else value for key, value in request.context
    }


def _install() -> None:
    """Install what the lock file says, unless it is installed."""
    installed = HERE / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < (HERE / "package-lock.json").stat().st_mtime:
        subprocess.run(
            [BIN / "npm", "ci", "--ignore-scripts", "--silent"], cwd=HERE, check=True, capture_output=True
        )
