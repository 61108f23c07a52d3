"""How documents are read that no state of the workflow wrote."""

from __future__ import annotations

import re
from typing import Annotated, Any, TypeVar

import msgspec

# JSON can carry lone surrogates; no service takes one in a name.
NonEmpty = Annotated[str, msgspec.Meta(min_length=1, pattern=r"^[^\ud800-\udfff]+\Z")]

T = TypeVar("T", bound=msgspec.Struct)


class MalformedError(Exception):
    """A document has not the form of its model. The message is a phrase, without the value that was given."""


def read(document: Any, model: type[T], *, strict: bool = True) -> T:
    """Make a model of a document.

    Args:
        document: what was in the JSON.
        model: what it should be.
        strict: False if numbers and booleans may be text.

    Raises:
        MalformedError: says what is wrong first, and where.
    """
    try:
        return msgspec.convert(document, model, strict=strict)
    except msgspec.ValidationError as error:
        # Of msgspec's messages this one quotes what was given.
        phrase = re.sub(
            r"^Invalid enum value .*(?= - at `)", "Invalid enum value", str(error), flags=re.DOTALL
        )
    except UnicodeEncodeError:
        phrase = "A name is no text"
    raise MalformedError(phrase)
