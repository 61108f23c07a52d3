"""Who signed a request, and who may assume a role. moto lets anybody assume any role."""

from __future__ import annotations

import base64
import re

from moto.core.exceptions import ServiceException
from moto.iam.exceptions import NotFoundException
from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

from ..account import ACCOUNT_ID
from .policies import Caller, identity_allows, resource_allows, resource_grants

ADMINISTRATOR = f"arn:aws:iam::{ACCOUNT_ID}:user/administrator"
# A service may go on with its caller's session and assumes no role then ("Forward access sessions", IAM user
# guide). Here it gets a new session of the same role, as this principal.
FORWARDED = "forward-access-session.amazonaws.com"


class AccessDenied(ServiceException):
    """AccessDenied, in the words of every AWS service."""

    code = "AccessDenied"

    def __init__(self, caller: Caller, action: str, resource: str) -> None:
        who = caller.session_arn or caller.service
        super().__init__(f"User: {who} is not authorized to perform: {action} on resource: {resource}")


def caller_of(authorization: str) -> Caller:
    """Return who signed a request with this Authorization header.

    An access key from STS belongs to its role, and one of an IAM user to the user. The cloud's own services
    sign with their service principal as access key. Any other key is the account's administrator's: a local
    cloud need not keep anybody out, but must limit roles as AWS does.
    """
    found = re.search(r"Credential=([^/,\s]+)/", authorization)
    key_id = found[1] if found else ""
    service, _, source = key_id.partition("!")
    if service.endswith(".amazonaws.com"):
        return service_caller(service, base64.urlsafe_b64decode(source).decode())
    for account, backends in list(sts_backends.items()):
        session = backends["aws"].get_assumed_role_from_access_key(key_id)
        if session is not None:
            return Caller(account, session.role_arn, session.arn)
    user = iam_backends[ACCOUNT_ID]["aws"].get_user_from_access_key_id(key_id)
    arn = user.arn if user else ADMINISTRATOR
    return Caller(ACCOUNT_ID, arn, arn)


def service_caller(principal: str, source_arn: str = "") -> Caller:
    """Return an AWS service as a caller that acts for a resource of this account."""
    context = {"aws:SourceAccount": ACCOUNT_ID} | ({"aws:SourceArn": source_arn} if source_arn else {})
    return Caller(service=principal, context=context)


def may_assume(role_arn: str, principal: str | None, source_arn: str | None) -> bool:
    """Say whether an AWS service that acts for a source ARN may assume a role (None: the administrator)."""
    administrator = Caller(ACCOUNT_ID, ADMINISTRATOR, ADMINISTRATOR)
    try:
        check_assume_role(
            service_caller(principal, source_arn or "") if principal else administrator, role_arn
        )
    except AccessDenied:
        return False
    return True


def check_assume_role(caller: Caller, role_arn: str) -> None:
    """Check that `caller` may assume a role.

    The role's trust policy decides. Where it trusts the whole account, the caller's own policies have to
    allow sts:AssumeRole as well ("Policy evaluation logic", IAM user guide).

    Raises:
        AccessDenied: the role does not exist, or a policy does not allow it. AWS does not say which.
    """
    denied = AccessDenied(caller, "sts:AssumeRole", role_arn)
    account = role_arn.split(":")[4] if role_arn.count(":") == 5 else ""
    try:
        role = iam_backends[account or ACCOUNT_ID]["aws"].get_role_by_arn(role_arn)
    except NotFoundException:
        raise denied from None
    if caller.service == FORWARDED:
        return
    policy = role.assume_role_policy_document
    if not resource_allows(policy, "sts:AssumeRole", role_arn, caller):
        raise denied
    trusted_by_name = caller.account == account and resource_grants(
        policy, "sts:AssumeRole", role_arn, caller
    )
    if ":role/" not in caller.arn or trusted_by_name:
        return
    if not identity_allows(caller.arn, "sts:AssumeRole", role_arn, caller):
        raise denied
