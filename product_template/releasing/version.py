"""The number of a version of the product."""

from __future__ import annotations

import re
from typing import NamedTuple


class Version(NamedTuple):
    """A version of the product, ordered as semantic versioning orders them."""

    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> Version:
        """Read a version.

        Raises:
            ValueError: `text` does not have the form 1.2.3.
        """
        match = re.fullmatch(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)", text)
        if not match:
            raise ValueError(f"A version has the form 1.2.3, but this one is {text!r}.")
        return cls(*map(int, match.groups()))

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"
