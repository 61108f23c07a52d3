"""Roles for the AWS services that act on behalf of the stack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import aws_iam as iam
from constructs import Construct

from product_template.acknowledgements import acknowledge_wildcard
from product_template.naming import Naming

# The execution role may create roles and policies only with this path.
PATH = "/tapstack/"


def service_role(
    scope: Construct,
    construct_id: str,
    *,
    naming: Naming,
    kind: str,
    service: str,
    when: dict[str, Any] | None = None,
    statements: Sequence[iam.PolicyStatement],
    wildcards: Mapping[str, str] | None = None,
) -> iam.Role:
    """Make the role `{kind}-role-{suffix}`, which `service` may assume under the condition `when`.

    Without `when`, the service may assume it for anyone who can pass it the role. Nobody can from another
    account.

    Its permissions are in a managed policy, because rules of NIST 800-53 R5, PCI DSS and HIPAA forbid inline
    policies. `wildcards` are those of the statements, each with its reason.
    """
    policy = iam.ManagedPolicy(
        scope,
        f"{construct_id}Policy",
        managed_policy_name=naming.of(f"{kind}-policy"),
        path=PATH,
        statements=statements,
    )
    for wildcard, because in (wildcards or {}).items():
        acknowledge_wildcard(policy, wildcard, because=because)
    return iam.Role(
        scope,
        construct_id,
        role_name=naming.of(f"{kind}-role"),
        path=PATH,
        assumed_by=iam.ServicePrincipal(service, conditions=when),
        managed_policies=[policy],
    )
