"""STS's answers: AssumeRole reads the role's trust policy."""

from __future__ import annotations

from moto.core.responses import ActionResult
from moto.sts.responses import TokenResponse

from ..trust import caller_of, check_assume_role


class LocalTokenResponse(TokenResponse):
    """Gives credentials of a role only to those whom the role trusts."""

    def assume_role(self) -> ActionResult:
        """AssumeRole, if the role lets the caller in."""
        check_assume_role(caller_of(self.headers.get("Authorization", "")), self._get_param("RoleArn"))
        return super().assume_role()
