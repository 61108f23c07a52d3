"""One call of the API: its parameters, its caller, and the state of the service."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from .errors import InvalidParametersError
from .models import LocalServiceCatalog
from .principals import Principal, identify
from .state import State

Item = TypeVar("Item")
Response = dict[str, Any]


@dataclass(frozen=True)
class Call:
    """A call that has passed the checks of the API's model."""

    service: LocalServiceCatalog
    authorization: str = field(repr=False)
    params: dict[str, Any]

    @property
    def state(self) -> State:
        """What the service keeps, for this account and region."""
        return self.service.state

    @cached_property
    def caller(self) -> Principal:
        """The principal that makes the call."""
        return identify(self.authorization)

    def __getitem__(self, name: str) -> Any:
        return self.params[name]

    def get(self, name: str, default: Any = None) -> Any:
        """Return an optional parameter."""
        return self.params.get(name, default)

    def tags(self, name: str = "Tags") -> dict[str, str]:
        """Return a list of tags as key and value.

        Raises:
            InvalidParametersError: a key appears twice, or starts with aws:.
        """
        tags = {tag["Key"]: tag["Value"] for tag in self.get(name, [])}
        if len(tags) < len(self.get(name, [])):
            raise InvalidParametersError("Duplicate tag keys are not allowed.")
        if reserved := [key for key in tags if key.lower().startswith("aws:")]:
            raise InvalidParametersError(f"Tag keys must not start with aws: {', '.join(reserved)}")
        return tags

    def changed_tags(self, tags: dict[str, str]) -> dict[str, str]:
        """Return `tags` without those in RemoveTags, and with those in AddTags."""
        kept = {key: value for key, value in tags.items() if key not in self.get("RemoveTags", [])}
        return kept | self.tags("AddTags")

    def page(self, items: Iterable[Item], default_size: int = 20) -> tuple[list[Item], str | None]:
        """Return the page that PageSize and PageToken ask for, and the token of the next one.

        Raises:
            InvalidParametersError: the token is not from an earlier page.
        """
        everything = list(items)
        start = _offset(self.get("PageToken"))
        end = start + (self.get("PageSize") or default_size)
        following = (
            base64.urlsafe_b64encode(f"from:{end}".encode()).decode() if end < len(everything) else None
        )
        return everything[start:end], following


Operation = Callable[[Call], Response]
OPERATIONS: dict[str, Operation] = {}


def operation(function: Operation) -> Operation:
    """Register a function as the API operation of its name."""
    OPERATIONS[function.__name__] = function
    return function


def _offset(token: str | None) -> int:
    if token is None:
        return 0
    try:
        word, _, number = base64.urlsafe_b64decode(token).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        word, number = "", ""
    if word != "from" or not number.isdigit():
        raise InvalidParametersError("Invalid page token.")
    return int(number)
