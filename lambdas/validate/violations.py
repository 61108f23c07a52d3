"""A broken rule, and the error that lists all of them."""

from __future__ import annotations

from dataclasses import dataclass

from engine.errors import InvalidInputsError
from engine.wording import cut, listed

_LONGEST_VALUE = 80


@dataclass(frozen=True)
class Violation:
    """A rule that an input breaks.

    Attributes:
        input: the name of the input, or what else breaks the rule.
        rule: a sentence without its subject, which is the input, such as "must be a number".
        value: the given value; None if there is none, or if it is secret.
    """

    input: str
    rule: str
    value: str | None = None

    def __str__(self) -> str:
        given = "" if self.value is None else f' (given: "{cut(self.value, _LONGEST_VALUE)}")'
        return f"- {self.input}: {self.rule.rstrip('.')}{given}"


def refusal(violations: list[Violation]) -> InvalidInputsError:
    """Return the error that lists as many violations as Service Catalog can show."""
    head = "Nothing was created or changed, because the inputs break these rules:"
    return InvalidInputsError(listed(head, [str(violation) for violation in violations]))
