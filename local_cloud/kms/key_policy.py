"""What key policies allow, together with IAM ("Determining access to AWS KMS keys", KMS Developer Guide)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from moto.iam.models import iam_backends
from moto.kms.models import Key

from ..account import ACCOUNT_ID
from ..iam.policies import Caller, identity_decides, listed, note, resource_allows, resource_grants
from .models import find_key

# Condition keys that count in the lockout safety check. Every request has aws:PrincipalArn (IAM User Guide,
# "AWS global condition context keys"). The principal `*` under this condition makes a role the administrator
# of a key (terraform-aws-modules/terraform-aws-kms 18, alphagov/govuk-infrastructure 2786). There is no
# report of the same for tags, aliases or kms:ViaService.
_KNOWN_IN_LOCKOUT_CHECK = {"aws:principalarn"}


def allows(key: Key, action: str, caller: Caller) -> bool:
    """Say whether `caller` may do `action` with a key, and note it if the caller is a role."""
    allowed = decides(
        key.policy,
        key.arn,
        action,
        caller,
        lambda: identity_decides(caller.arn, action, key.arn, caller),
    )
    if ":role/" in caller.arn:
        note(caller.arn, action, key.arn, caller, allowed)
    return allowed


def decides(
    policy: str | Mapping[str, Any] | None, key_arn: str, action: str, caller: Caller, iam: Callable[[], bool]
) -> bool:
    """Say whether a key policy lets `caller` do `action`. If it names the account, it leaves that to IAM.

    Args:
        policy: the key policy.
        key_arn: the key.
        action: such as "kms:Decrypt".
        caller: who asks.
        iam: returns whether the role's own policies allow it.
    """
    if not resource_allows(policy, action, key_arn, caller):
        return False
    named = ":role/" not in caller.arn or resource_grants(policy, action, key_arn, caller)
    return named or iam()


def service_may_use(key_id: str, action: str, caller: Caller) -> bool:
    """Say whether a key lets `caller` do `action`, for a service that encrypts on the caller's behalf.

    An AWS managed key (alias/aws/…) lets no other AWS service in. A disabled or missing key lets nobody in.
    """
    key = find_key(key_id) if not key_id.startswith("alias/aws/") else None
    return key is not None and key.enabled and allows(key, action, caller)


def keeps_out(caller: Caller, policy: str, key_arn: str) -> bool:
    """Say whether `caller` could not change the new policy again (the lockout safety check).

    The caller's own policies count. Tags of the key and condition keys of the request do not.
    """
    counting = [
        statement
        for statement in listed(json.loads(policy)["Statement"])
        if statement["Effect"] == "Deny"
        or all(
            key.lower() in _KNOWN_IN_LOCKOUT_CHECK
            for keys in statement.get("Condition", {}).values()
            for key in keys
        )
    ]
    again = replace(caller, context={})
    return not decides(
        {"Statement": counting},
        key_arn,
        "kms:PutKeyPolicy",
        again,
        lambda: identity_decides(again.arn, "kms:PutKeyPolicy", key_arn, again),
    )


def unknown_principals(policy: str) -> list[str]:
    """Return the roles in a policy that should be in this account and do not exist."""
    roles = {str(role.arn) for role in list(iam_backends[ACCOUNT_ID]["aws"].roles.values())}
    return [
        name
        for statement in listed(json.loads(policy)["Statement"])
        if isinstance(principal := statement.get("Principal"), dict)
        for name in listed(principal.get("AWS", []))
        if name.startswith(f"arn:aws:iam::{ACCOUNT_ID}:role/") and name not in roles
    ]
