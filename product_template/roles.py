"""Roles for the AWS services that act on behalf of the stack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import aws_iam as iam
from constructs import Construct

from product_template.acknowledgements import acknowledge_wildcard
from product_template.naming import Naming

# A path of its own keeps what the product may create apart from the account's other roles.
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
    """Make the role `{kind}-role-{suffix}` that `service` may assume `when` it acts for a resource of ours.

    Without `when`, it may for whoever may pass the role to it, which nobody can from another account.

    Its permissions are a managed policy next to it, because NIST 800-53 R5, PCI DSS and HIPAA rules refuse
    inline policies. `wildcards` are those of the statements, each with the reason why it is there.
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
