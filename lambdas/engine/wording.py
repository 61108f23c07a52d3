"""The one string that Service Catalog shows of a failure: our sentences first, AWS's words last."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

LONGEST_REASON = 2048  # of the Notify*EngineWorkflowResult API
# What `report` may add to a reason: its stack, its snapshot, what can be done next.
_ADDED = 150
_SAID = " AWS said: "
# Some 800 characters that nobody can read without sts:DecodeAuthorizationMessage.
_ENCODED = re.compile(r"\s*Encoded authorization failure message: [\w+/=-]+\.?", re.IGNORECASE)


def quoting(ours: str, *words: str) -> str:
    """Return our sentences and after them what AWS said; only that is shortened, each part by its share."""
    said = [text for text in (_ENCODED.sub("", each).strip().rstrip(".") for each in words) if text]
    if not said:
        return ours
    room = LONGEST_REASON - _ADDED - len(ours) - len(_SAID) - len("; ") * len(said)
    shown = dict.fromkeys(said, "")
    for waiting, each in zip(range(len(shown), 0, -1), sorted(shown, key=len), strict=True):
        shown[each] = cut(each, max(room // waiting, 1))
        room -= len(shown[each])
    return f"{ours}{_SAID}{'; '.join(shown.values())}."


def adding(reason: str, ours: str) -> str:
    """Return a reason with a sentence more of ours, in front of what AWS said."""
    before, said, words = reason.partition(_SAID)
    return f"{before}{ours}{said}{words}"


def listed(head: str, lines: Sequence[str], foot: str = "") -> str:
    """Return a head, as many of the lines as can be shown, how many more there are, and a foot."""
    shown: list[str] = []
    room = LONGEST_REASON - _ADDED - len(head) - len(foot) - len("\n- and 9999 more\n")
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            break
        shown.append(line)
    missing = len(lines) - len(shown)
    more = [f"- and {missing} more"] if missing else []
    return "\n".join([head, *shown, *more, *([foot] if foot else [])])


def named(names: Iterable[str], at_most: int = 5) -> str:
    """Return names in a row, the first of many with how many more there are."""
    several = list(names)
    more = f" and {len(several) - at_most} more" if len(several) > at_most else ""
    return ", ".join(several[:at_most]) + more


def cut(value: str, longest: int) -> str:
    """Shorten a text, visibly."""
    return value if len(value) <= longest else value[: longest - 1] + "…"
