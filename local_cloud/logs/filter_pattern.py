"""Filter patterns of terms, as metric filters have them.

Source: CloudWatch Logs User Guide, "Filter pattern syntax for metric filters, subscription filters, filter
log events, and Live Tail".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from moto.logs.exceptions import InvalidParameterException

_TERM = re.compile(r'\s*([?-]?)(?:"((?:[^"\\]|\\.)*)"|(\w+))(?=\s|$)')


@dataclass(frozen=True)
class FilterPattern:
    """The terms of a message: all of `every`, one of `some` if there are any, none of `no`."""

    every: tuple[str, ...] = ()
    some: tuple[str, ...] = ()
    no: tuple[str, ...] = ()

    def matches(self, message: str) -> bool:
        """Say whether a message matches. Case counts."""
        return (
            all(term in message for term in self.every)
            and not any(term in message for term in self.no)
            and (not self.some or any(term in message for term in self.some))
        )


def parse(pattern: str) -> FilterPattern:
    """Return a pattern; the empty one matches every message.

    Raises:
        InvalidParameterException: a term with other characters than letters, digits and `_` has no quotes.
        NotImplementedError: it looks into JSON or columns, is a regular expression, or mixes `?` with other
            terms.
    """
    text = pattern.strip()
    if text[:1] in ("{", "[", "%"):
        raise NotImplementedError(f"the filter pattern {pattern}; it matches terms only")
    terms: dict[str, list[str]] = {"": [], "?": [], "-": []}
    position = 0
    while position < len(text):
        match = _TERM.match(text, position)
        if match is None:
            raise InvalidParameterException(
                msg=f"Invalid character(s) in term '{text[position:].split()[0]}'"
            )
        sign, quoted, word = match.groups()
        terms[sign].append(word if quoted is None else re.sub(r"\\(.)", r"\1", quoted))
        position = match.end()
    if terms["?"] and (terms[""] or terms["-"]):
        raise NotImplementedError(f"the filter pattern {pattern}, which mixes ? with other terms")
    return FilterPattern(tuple(terms[""]), tuple(terms["?"]), tuple(terms["-"]))
