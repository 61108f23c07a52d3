"""Principals: who calls Service Catalog, and which roles it may assume."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from botocore.exceptions import ClientError
from moto.iam.models import iam_backends

from local_cloud.account import ACCOUNT_ID, REGION
from local_cloud.iam.policies import Caller
from local_cloud.iam.trust import ADMINISTRATOR, caller_of
from local_cloud.moto_seam import Local

from .errors import InvalidParametersError
from .resources import Portfolio

SERVICE = "servicecatalog.amazonaws.com"
# The narrowest source in trust policies of the administrator guide ("Launch constraints").
SOURCE_ARN = f"arn:aws:servicecatalog:{REGION}:{ACCOUNT_ID}:*"
# Service Catalog as a caller, on behalf of a user of this account. The local cloud has no other account.
OURSELVES = Caller(service=SERVICE, context={"aws:SourceAccount": ACCOUNT_ID, "aws:SecureTransport": "true"})


@dataclass(frozen=True)
class Principal:
    """The IAM user or role that calls.

    Attributes:
        arn: the IAM user or role.
        session_arn: the session of the role; `arn` if it is a user.
        unique_id: `AROA…` or `AIDA…`. Messages to the engine have it as `identity.principal`.
        groups: ARNs of the user's groups.
    """

    arn: str
    session_arn: str
    unique_id: str
    groups: tuple[str, ...] = ()

    def may_launch_from(self, portfolio: Portfolio) -> bool:
        """Say whether the portfolio is open to this user or role, or to a group of the user."""
        return any(
            arn == principal
            if kind == "IAM"
            else fnmatchcase(arn.replace(f"::{ACCOUNT_ID}:", ":::"), principal)
            for principal, kind in portfolio.principals
            for arn in (self.arn, *self.groups)
        )


def identify(authorization: str) -> Principal:
    """Return who signed a request with this Authorization header."""
    signer = caller_of(authorization)
    iam: Any = iam_backends[ACCOUNT_ID]["aws"]
    ids = {entity.arn: entity.id for entity in (*iam.get_roles(), *iam.users.values())}
    groups = [group.arn for group in iam.list_groups() if signer.arn in {user.arn for user in group.users}]
    # IAM has no user for the local cloud's administrator, who gets the id of AWS's examples.
    return Principal(
        signer.arn, signer.session_arn, ids.get(signer.arn, "AIDACKCEVSQ6C2EXAMPLE"), tuple(groups)
    )


def principal_exists(arn: str) -> bool:
    """Say whether an ARN without wildcards is that of an IAM user, group or role, or of the administrator."""
    iam: Any = iam_backends[ACCOUNT_ID]["aws"]
    return arn == ADMINISTRATOR or arn in {
        entity.arn for entity in (*iam.users.values(), *iam.get_roles(), *iam.list_groups())
    }


def assume_for_a_test(role_arn: str) -> None:
    """Assume a launch role to see whether that works. Nobody uses the session.

    Raises:
        InvalidParametersError: the role does not exist, or does not trust Service Catalog.
    """
    try:
        Local.identity.credentials(role_arn, "test", SERVICE, SOURCE_ARN)
    except ClientError as error:
        raise InvalidParametersError(
            f"Access denied while assuming launch role {role_arn}: it must exist and trust {SERVICE}."
        ) from error
