"""Decides what policy documents allow ("Policy evaluation logic" in the IAM user guide)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from moto.iam.exceptions import NotFoundException
from moto.iam.models import Policy, Role, iam_backends

from ..moto_seam import Local


class UnsupportedPolicyError(NotImplementedError):
    """The local cloud can't evaluate an element of a policy, so the policy neither allows nor denies here."""


@dataclass(frozen=True)
class Caller:
    """A caller, as policies see it.

    Attributes:
        account: the account the caller belongs to; empty for an AWS service.
        arn: ARN of the user or role (aws:PrincipalArn; not the ARN of the role's session).
        session_arn: ARN of the session, for messages; that of the user if the caller is a user.
        service: the service principal ("events.amazonaws.com") when an AWS service asks for itself.
        context: further condition keys of the request, such as aws:SourceAccount. Commas separate several
            values of one key (ForAnyValue).
    """

    account: str = ""
    arn: str = ""
    session_arn: str = ""
    service: str = ""
    context: Mapping[str, str] = field(default_factory=dict)

    def key(self, name: str) -> str | None:
        """Return the value of a condition key, or None if the request does not carry it."""
        if name.lower() == "aws:principalarn":
            return self.arn or None
        if name.lower() == "aws:principalaccount":
            return self.account or None
        return {key.lower(): value for key, value in self.context.items()}.get(name.lower())


def resource_allows(
    policy: str | Mapping[str, Any] | None, action: str, resource: str, caller: Caller
) -> bool:
    """Say whether a resource's own policy (queue, topic, key, role trust) lets `caller` do `action`.

    Raises:
        UnsupportedPolicyError: a statement that could apply has an element that is not evaluated here.
    """
    statements = [
        statement
        for statement in _statements(policy)
        if _principal_matches(statement, caller) and _applies(statement, action, resource, caller)
    ]
    return _decide(statements)


def resource_denies(
    policy: str | Mapping[str, Any] | None, action: str, resource: str, caller: Caller
) -> bool:
    """Say whether a resource's own policy denies `caller` the `action`, whatever else allows it.

    Raises:
        UnsupportedPolicyError: a statement that could apply has an element that is not evaluated here.
    """
    return any(
        statement["Effect"] == "Deny"
        and _principal_matches(statement, caller)
        and _applies(statement, action, resource, caller)
        for statement in _statements(policy)
    )


def resource_grants(
    policy: str | Mapping[str, Any] | None, action: str, resource: str, caller: Caller
) -> bool:
    """Say whether a resource's own policy is enough, whatever the caller's identity policies leave out.

    A role has enough in a policy that names its ARN, within its permissions boundary, or that names its
    session's ARN or everybody ("*"), which no boundary limits. Where a policy names the account, the role's
    own policies decide ("Permissions boundaries for IAM entities", IAM User Guide).

    Raises:
        UnsupportedPolicyError: a statement that could apply has an element that is not evaluated here.
    """
    if not resource_allows(policy, action, resource, caller):
        return False
    if ":role/" not in caller.arn:
        return True
    if any(
        each["Effect"] == "Deny" for each in _applying(_all_documents(caller.arn), action, resource, caller)
    ):
        return False
    granting = [each for each in _applying([policy], action, resource, caller) if each["Effect"] == "Allow"]
    if any(_principal_matches(each, replace(caller, account="", arn="")) for each in granting):
        return True
    by_arn = any(_principal_matches(each, replace(caller, account="")) for each in granting)
    return by_arn and boundary_allows(caller.arn, action, resource, caller)


def identity_allows(role_arn: str, action: str, resource: str, caller: Caller) -> bool:
    """Say whether a role's own policies, within its permissions boundary, let it do `action` on `resource`.

    Raises:
        UnsupportedPolicyError: a statement that could apply has an element that is not evaluated here.
    """
    allowed = identity_decides(role_arn, action, resource, caller)
    note(role_arn, action, resource, caller, allowed)
    return allowed


def identity_decides(role_arn: str, action: str, resource: str, caller: Caller) -> bool:
    """Return what `identity_allows` returns, of a request that nobody has made: it is not noted."""
    return decides(_identity_documents(role_arn), action, resource, caller) and boundary_allows(
        role_arn, action, resource, caller
    )


def note(role_arn: str, action: str, resource: str, caller: Caller, allowed: bool) -> None:
    """Note in `Identity.asked` what a role asked for, and whether it was allowed."""
    context = tuple(sorted(caller.context.items()))
    Local.identity.asked[role_arn, action, resource, context] = allowed


def boundary_allows(role_arn: str, action: str, resource: str, caller: Caller) -> bool:
    """Say whether a role has no permissions boundary, or one that allows `action` on `resource`.

    Raises:
        UnsupportedPolicyError: a statement that could apply has an element that is not evaluated here.
    """
    documents = _boundary_documents(role_arn)
    return not documents or decides(documents, action, resource, caller)


def decides(documents: Iterable[str | Mapping[str, Any]], action: str, resource: str, caller: Caller) -> bool:
    """Say whether identity policies allow `action` on `resource` under the caller's condition keys.

    Raises:
        UnsupportedPolicyError: a statement that could apply has an element that is not evaluated here.
    """
    return _decide(_applying(documents, action, resource, caller))


def identity_may(role_arn: str, action: str) -> bool:
    """Say whether a role may do `action` on any resource, under any condition."""
    boundary = _boundary_documents(role_arn)
    return _name(_identity_documents(role_arn), action) and (not boundary or _name(boundary, action))


def _name(documents: Iterable[str], action: str) -> bool:
    return any(
        statement["Effect"] == "Allow" and _listed_match(statement, "Action", action.lower(), str.lower)
        for document in documents
        for statement in _statements(document)
    )


def _applying(
    documents: Iterable[str | Mapping[str, Any] | None], action: str, resource: str, caller: Caller
) -> list[Mapping[str, Any]]:
    """Return the statements that match a request, whatever their principal."""
    statements = (statement for document in documents for statement in _statements(document))
    return [statement for statement in statements if _applies(statement, action, resource, caller)]


def _identity_documents(role_arn: str) -> list[str]:
    role = _role(role_arn)
    if role is None:
        return []  # a session outlives its role, and may do nothing then
    # A copy: another thread may attach or detach a policy meanwhile.
    return [*role.policies.values(), *map(_default_version, list(role.managed_policies.values()))]


def _boundary_documents(role_arn: str) -> list[str]:
    """Return the document of a role's permissions boundary, or nothing if it has none."""
    role = _role(role_arn)
    if role is None or not role.permissions_boundary_arn:
        return []
    policies = iam_backends[role.account_id]["aws"].managed_policies
    return [_default_version(policies[role.permissions_boundary_arn])]


def _all_documents(role_arn: str) -> list[str]:
    return [*_identity_documents(role_arn), *_boundary_documents(role_arn)]


def _role(arn: str) -> Role | None:
    try:
        return iam_backends[arn.split(":")[4]]["aws"].get_role_by_arn(arn)
    except NotFoundException:
        return None


def _default_version(policy: Policy) -> str:
    return str(next(version.document for version in policy.versions if version.is_default))


def _decide(statements: list[Mapping[str, Any]]) -> bool:
    effects = {statement["Effect"] for statement in statements}
    return "Allow" in effects and "Deny" not in effects


def _statements(policy: str | Mapping[str, Any] | None) -> Iterable[Mapping[str, Any]]:
    if not policy:
        return []
    return listed((_parsed(policy) if isinstance(policy, str) else policy).get("Statement", []))


@lru_cache(maxsize=1000)
def _parsed(policy: str) -> Mapping[str, Any]:
    document: Mapping[str, Any] = json.loads(unquote(policy) if policy.startswith("%") else policy)
    return document


def listed(value: Any) -> list[Any]:
    """Return a policy element as a list: it may be a list, or a single value."""
    return value if isinstance(value, list) else [value]


def _principal_matches(statement: Mapping[str, Any], caller: Caller) -> bool:
    if "NotPrincipal" in statement:
        raise UnsupportedPolicyError("a policy statement with NotPrincipal")
    principal = statement.get("Principal", {})
    if principal == "*" or "*" in listed(principal.get("AWS", [])):
        return True
    if caller.service:
        return caller.service in listed(principal.get("Service", []))
    names = {caller.arn, caller.session_arn, caller.account, f"arn:aws:iam::{caller.account}:root"}
    return any(name in names for name in listed(principal.get("AWS", [])))


def _applies(statement: Mapping[str, Any], action: str, resource: str, caller: Caller) -> bool:
    return (
        _listed_match(statement, "Action", action.lower(), str.lower)
        and _listed_match(statement, "Resource", resource, str)
        and _conditions_hold(statement.get("Condition", {}), caller)
    )


def _listed_match(
    statement: Mapping[str, Any], element: str, value: str, normal: Callable[[str], str]
) -> bool:
    if f"Not{element}" in statement:
        return not any(_like(value, normal(pattern)) for pattern in listed(statement[f"Not{element}"]))
    # A trust policy has no Resource: it applies to its role.
    return any(_like(value, normal(pattern)) for pattern in listed(statement.get(element, "*")))


def _like(value: str, pattern: str) -> bool:
    return _expression(pattern).fullmatch(value) is not None


@lru_cache(maxsize=10_000)
def _expression(pattern: str) -> re.Pattern[str]:
    if "${" in pattern:
        raise UnsupportedPolicyError(f"a policy variable in {pattern!r}")
    return re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)


_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda value, wanted: value == wanted,
    "StringEqualsIgnoreCase": lambda value, wanted: value.lower() == wanted.lower(),
    "StringLike": _like,
    "ArnEquals": _like,
    "ArnLike": _like,
    "Bool": lambda value, wanted: value.lower() == wanted.lower(),
}


def _conditions_hold(conditions: Mapping[str, Mapping[str, Any]], caller: Caller) -> bool:
    return all(
        _condition_holds(operator, key, wanted, caller)
        for operator, keys in conditions.items()
        for key, wanted in keys.items()
    )


def _condition_holds(operator: str, key: str, wanted: Any, caller: Caller) -> bool:
    value = caller.key(key)
    if operator == "Null":
        return str(value is None).lower() == str(wanted).lower()
    each = operator.startswith("ForAnyValue:")
    name = operator.removeprefix("ForAnyValue:").removesuffix("IfExists")
    negated = "Not" in name
    matches = _OPERATORS.get(name.replace("Not", "", 1))
    if matches is None or (each and negated):
        raise UnsupportedPolicyError(f"the condition operator {operator}")
    if value is None:
        # A condition on a missing key does not hold, except with a negated operator or IfExists.
        return negated or operator.endswith("IfExists")
    values = value.split(",") if each else [value]
    return any(matches(one, str(item)) for one in values for item in listed(wanted)) != negated
