"""One broken rule, and the one report of all of them."""

from __future__ import annotations

from dataclasses import dataclass

from engine.errors import InvalidInputsError
from engine.wording import cut, listed

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
        given = "" if self.value is None else f' (given: "{cut(self.value, _LONGEST_VALUE)}")'
        return f"- {self.input}: {self.rule.rstrip('.')}{given}"


def refusal(violations: list[Violation]) -> InvalidInputsError:
    """Return the error that lists the violations, as many as Service Catalog can show."""
    head = "Nothing was created or changed, because the inputs break these rules:"
    return InvalidInputsError(listed(head, [str(violation) for violation in violations]))
