"""What a command refuses before anything is synthesized or started."""

from __future__ import annotations

import json
import os
import re
import socket
from pathlib import Path

ROOT = Path(__file__).parents[2]


class RefusedError(Exception):
    """The command cannot do what was asked. The message says why, and what to do, in one sentence."""


def usable_port(text: str) -> int:
    """Return the loopback port that `text` names; 0 lets the system choose.

    Raises:
        RefusedError: it names no port, or one that cannot be listened on.
    """
    if not (re.fullmatch("[0-9]{1,5}", text) and int(text) <= 65535):
        raise RefusedError(
            f"PORT is {text!r}, which is no port, so nothing was started: name one from 1024 to 65535, or "
            "leave PORT out and the system chooses one."
        )
    try:
        with socket.create_server(("127.0.0.1", int(text))):
            return int(text)
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise RefusedError(
            f"Port {text} cannot be used ({reason}), so nothing was started: name another from 1024 to "
            "65535, or leave PORT out and the system chooses one."
        ) from error


def refuse_unless_on_offer(version: str, root: Path = ROOT) -> None:
    """Return if the catalog of the project in `root` would offer `version`, or if none is named.

    Raises:
        RefusedError: it would not.
    """
    on_offer = versions_on_offer(root)
    if version and version not in on_offer:
        raise RefusedError(
            f"Version {version} is not on offer, so nothing was launched: name one that is, such as "
            f"VERSION={' or VERSION='.join(on_offer)}, or leave VERSION out."
        )


def versions_on_offer(root: Path) -> list[str]:
    """Return the newest version of each major, as the catalog does, without those that cdk.json retires."""
    files = (root / "product_template" / "versions").glob("*.template.json")
    released = [file.name.removesuffix(".template.json") for file in files]
    inactive = json.loads((root / "cdk.json").read_text())["context"].get("catalog:inactiveVersions", [])
    if isinstance(inactive, str):
        inactive = inactive.replace(" ", "").split(",")
    active = sorted(set(released) - set(inactive), key=lambda name: [int(part) for part in name.split(".")])
    return list({name.partition(".")[0]: name for name in active}.values())
