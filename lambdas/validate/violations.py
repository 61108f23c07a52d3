"""One broken rule, and the one report of all of them."""

from __future__ import annotations

from dataclasses import dataclass

from engine.errors import InvalidInputsError

# Service Catalog shows a reason of at most 2048 characters, and `report` adds what can be done next.
_LONGEST_REPORT = 1900
_LONGEST_VALUE = 80


@dataclass(frozen=True)
class Violation:
    """A rule that an input breaks.

    Attributes:
        input: the parameter's name, or what else is wrong.
        rule: a sentence without its subject, such as "must be a number".
        value: what was given; None when nothing was, or when it must not be shown.
    """

    input: str
    rule: str
    value: str | None = None

    def __str__(self) -> str:
        given = "" if self.value is None else f' (given: "{_shortened(self.value)}")'
        return f"- {self.input}: {self.rule.rstrip('.')}{given}"


def refusal(violations: list[Violation]) -> InvalidInputsError:
    """Return the error that lists the violations, as many as Service Catalog can show."""
    head = "Nothing was created or changed, because the inputs break these rules:"
    shown: list[str] = []
    room = _LONGEST_REPORT - len(head) - len("\n- and 9999 more")
    for line in map(str, violations):
        room -= len(line) + 1
        if room < 0:
            break
        shown.append(line)
    missing = len(violations) - len(shown)
    return InvalidInputsError("\n".join([head, *shown, *([f"- and {missing} more"] if missing else [])]))


def _shortened(value: str) -> str:
    return value if len(value) <= _LONGEST_VALUE else value[: _LONGEST_VALUE - 1] + "…"
