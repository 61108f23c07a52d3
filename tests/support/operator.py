"""The platform team's commands and their output."""

from collections.abc import Callable
from typing import NamedTuple


class Said(NamedTuple):
    code: int
    out: str
    err: str


Command = Callable[..., Said]
