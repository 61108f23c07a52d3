"""STS's API over HTTP: AssumeRole evaluates the role's trust policy."""

from __future__ import annotations

from moto.core.responses import ActionResult
from moto.sts.responses import TokenResponse

from ..trust import caller_of, check_assume_role


class LocalTokenResponse(TokenResponse):
    """STS. Only a caller whom the trust policy lets in gets a role's credentials."""

    def assume_role(self) -> ActionResult:
        """Answer AssumeRole, if the role's trust policy lets the caller in."""
        check_assume_role(caller_of(self.headers.get("Authorization", "")), self._get_param("RoleArn"))
        return super().assume_role()
