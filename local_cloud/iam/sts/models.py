"""STS's sessions of roles, found by access key without a search."""

from __future__ import annotations

from typing import Any

from moto.sts.models import AssumedRole, STSBackend, sts_backends

from ...moto_seam import Local


class LocalSTS(Local, STSBackend):
    """STS. It keeps sessions by access key; moto searches all sessions there have ever been.

    Attributes:
        sessions: access key -> session of a role in the account.
    """

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.sessions: dict[str, AssumedRole] = {}

    def assume_role(self, *settings: Any, **named: Any) -> AssumedRole:
        """Begin a session of a role, in the role's account."""
        session = super().assume_role(*settings, **named)
        backend(session.account_id).sessions[session.access_key_id] = session
        return session

    def get_assumed_role_from_access_key(self, access_key_id: str) -> AssumedRole | None:
        """Return the session that an access key belongs to."""
        return self.sessions.get(access_key_id)


def backend(account_id: str) -> LocalSTS:
    """Return the STS of an account."""
    found: Any = sts_backends[account_id]["aws"]
    assert isinstance(found, LocalSTS), "no local cloud is running"
    return found
