"""Reading JSON documents that no state of the workflow wrote."""

from __future__ import annotations

import re
from typing import Annotated, Any, TypeVar

import msgspec

# JSON can hold lone surrogates. No service takes one in a name.
NonEmpty = Annotated[str, msgspec.Meta(min_length=1, pattern=r"^[^\ud800-\udfff]+\Z")]

T = TypeVar("T", bound=msgspec.Struct)


class MalformedError(Exception):
    """A document does not have the form of its model. The message is a phrase without any of its values."""


def read(document: Any, model: type[T], *, strict: bool = True) -> T:
    """Return a document as an instance of a model.

    Args:
        document: the parsed JSON.
        model: the class to make.
        strict: False if numbers and booleans may be text.

    Raises:
        MalformedError: says what is wrong and where; of several defects, the first one.
    """
    try:
        return msgspec.convert(document, model, strict=strict)
    except msgspec.ValidationError as error:
        # This is the one message of msgspec's that quotes a value.
        phrase = re.sub(
            r"^Invalid enum value .*(?= - at `)", "Invalid enum value", str(error), flags=re.DOTALL
        )
    except UnicodeEncodeError:
        phrase = "A name is not valid text"
    raise MalformedError(phrase)
