"""The reason of a failure, which is one string: our sentences first, AWS's words last."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

LONGEST_REASON = 2048  # limit of the Notify*EngineWorkflowResult API
# Room for what `report` may add to a reason: the stack, the snapshot and the next step.
_ADDED = 150
_SAID = " AWS said: "
# Some 800 characters; a reader needs sts:DecodeAuthorizationMessage for them.
_ENCODED = re.compile(r"\s*Encoded authorization failure message: [\w+/=-]+\.?", re.IGNORECASE)


def quoting(ours: str, *words: str) -> str:
    """Return our sentences, then AWS's words. Only AWS's words are shortened, each text by its share."""
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
    """Return a reason with one more sentence of ours, in front of AWS's words."""
    before, said, words = reason.partition(_SAID)
    return f"{before}{ours}{said}{words}"


def listed(head: str, lines: Sequence[str], foot: str = "") -> str:
    """Return a head, as many lines as fit into a reason, the number of the others, and a foot."""
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
    """Return the first names, separated by commas, and the number of the others."""
    several = list(names)
    more = f" and {len(several) - at_most} more" if len(several) > at_most else ""
    return ", ".join(several[:at_most]) + more


def cut(value: str, longest: int) -> str:
    """Return a text of at most `longest` characters. A shortened one ends in "…"."""
    return value if len(value) <= longest else value[: longest - 1] + "…"
