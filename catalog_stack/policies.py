"""Managed policies of roles, in which every wildcard says why no name can stand in its place."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from aws_cdk import Aws, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from product_template.acknowledgements import SOLUTIONS, acknowledge

from .settings import REGION


@dataclass(frozen=True)
class Permission:
    """A statement that allows something, and why its resources cannot be named where they are not."""

    statement: iam.PolicyStatement
    why: str


def allow(
    service: str, actions: str, on: str | list[str], when: dict[str, Any] | None = None, why: str = ""
) -> Permission:
    """Allow a service's `actions`, which are separated by spaces.

    Args:
        service: the prefix of the actions.
        actions: their names.
        on: ARNs.
        when: IAM conditions.
        why: needed where `on` has a wildcard.
    """
    statement = iam.PolicyStatement(
        actions=[f"{service}:{action}" for action in actions.split()],
        resources=[on] if isinstance(on, str) else on,
        conditions=when,
    )
    return Permission(statement, why)


def arn(service: str, resource: str, *, region: str = REGION, account: str = Aws.ACCOUNT_ID) -> str:
    """Return an ARN of this account in the product's region."""
    return f"arn:{Aws.PARTITION}:{service}:{region}:{account}:{resource}"


def managed_policy(
    scope: Construct, construct_id: str, description: str, permissions: Iterable[Permission]
) -> iam.ManagedPolicy:
    """Make a policy of the permissions, and acknowledge each wildcard in it with the reason given for it."""
    permissions = list(permissions)
    policy = iam.ManagedPolicy(
        scope,
        construct_id,
        description=description,
        statements=[permission.statement for permission in permissions],
    )
    reasons: dict[str, dict[str, None]] = defaultdict(dict)
    for permission in permissions:
        for resource in permission.statement.resources:
            name = _as_cdk_nag_writes(Stack.of(policy).resolve(resource))
            if "*" in name and permission.why:
                reasons[f"IAM5[Resource::{name}]"][permission.why] = None
    for finding, whys in reasons.items():
        acknowledge(policy, finding, SOLUTIONS, because=" ".join(whys))
    return policy


def _as_cdk_nag_writes(resource: Any) -> str:
    match resource:
        case {"Fn::Join": ["", [*parts]]}:
            return "".join(map(_as_cdk_nag_writes, parts))
        case {"Ref": str(name)}:
            return f"<{name}>"
        case {"Fn::GetAtt": [str(name), str(attribute)]}:
            return f"<{name}.{attribute}>"
    return str(resource)
