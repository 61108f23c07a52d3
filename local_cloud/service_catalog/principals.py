"""Who calls, and what the roles that Service Catalog deals with may do."""

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
# "Launch constraints" in the administrator guide has trust policies name no narrower source than this.
SOURCE_ARN = f"arn:aws:servicecatalog:{REGION}:{ACCOUNT_ID}:*"
# Service Catalog, asking on behalf of a user of this account; the local cloud has no other.
OURSELVES = Caller(service=SERVICE, context={"aws:SourceAccount": ACCOUNT_ID, "aws:SecureTransport": "true"})


@dataclass(frozen=True)
class Principal:
    """The identity behind a request.

    Attributes:
        arn: the IAM user or role.
        session_arn: the session of the role; the same as `arn` for users.
        unique_id: `AROA…` or `AIDA…`, which the messages to an engine carry as `identity.principal`.
        groups: ARNs of the groups the user is in.
    """

    arn: str
    session_arn: str
    unique_id: str
    groups: tuple[str, ...] = ()

    def may_launch_from(self, portfolio: Portfolio) -> bool:
        """Return whether the portfolio has been opened to this user or role, or to a group of the user."""
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
    # The administrator of the local cloud is no user of IAM; the id is the one AWS uses in its examples.
    return Principal(
        signer.arn, signer.session_arn, ids.get(signer.arn, "AIDACKCEVSQ6C2EXAMPLE"), tuple(groups)
    )


def principal_exists(arn: str) -> bool:
    """Return whether a complete ARN names an IAM user, group or role, or the local administrator."""
    iam: Any = iam_backends[ACCOUNT_ID]["aws"]
    return arn == ADMINISTRATOR or arn in {
        entity.arn for entity in (*iam.users.values(), *iam.get_roles(), *iam.list_groups())
    }


def assume_for_a_test(role_arn: str) -> None:
    """Assume a launch role and throw the session away.

    Raises:
        InvalidParametersError: the role does not exist, or does not trust Service Catalog.
    """
    try:
        Local.identity.credentials(role_arn, "test", SERVICE, SOURCE_ARN)
    except ClientError as error:
        raise InvalidParametersError(
            f"Access denied while assuming launch role {role_arn}: it must exist and trust {SERVICE}."
        ) from error
