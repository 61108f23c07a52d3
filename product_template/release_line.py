"""The release lines of the product: one code, and a major version of PostgreSQL for each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ReleaseLine:
    """All versions of the product with one major number. They run one major version of PostgreSQL.

    Attributes:
        number: the major number of its versions.
        postgresql: the major version of PostgreSQL, as in RDS's EngineVersion.
        upgrades: the release line before it, whose databases may be updated to this one; None for the first.
    """

    number: int
    postgresql: str
    upgrades: ReleaseLine | None = None

    @property
    def family(self) -> str:
        """The family of its DB parameter group."""
        return f"postgres{self.postgresql}"


POSTGRESQL_14 = ReleaseLine(number=1, postgresql="14")
POSTGRESQL_17 = ReleaseLine(number=2, postgresql="17", upgrades=POSTGRESQL_14)

RELEASE_LINES = {line.number: line for line in (POSTGRESQL_14, POSTGRESQL_17)}
