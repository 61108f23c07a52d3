"""Managed policies in which every wildcard has a written reason."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from aws_cdk import Aws
from aws_cdk import aws_iam as iam
from constructs import Construct

from product_template.acknowledgements import acknowledge_wildcard

from ..settings import REGION


@dataclass(frozen=True)
class Permission:
    """A statement that allows something, and the reason for its wildcards."""

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


def log_and_trace() -> list[Permission]:
    """Allow what Step Functions needs of a state machine's role to write logs and traces.

    Step Functions Developer Guide, "Logging using CloudWatch Logs" and "Trace with AWS X-Ray".
    """
    return [
        allow(
            "logs",
            """
                CreateLogDelivery DeleteLogDelivery DescribeLogGroups DescribeResourcePolicies GetLogDelivery
                ListLogDeliveries PutResourcePolicy UpdateLogDelivery
            """,
            on="*",
            why="R24: logging throughout; log deliveries support no resource-level permissions.",
        ),
        allow(
            "xray",
            "GetSamplingRules GetSamplingTargets PutTelemetryRecords PutTraceSegments",
            on="*",
            why="R24: logging throughout; X-Ray supports no resource-level permissions.",
        ),
    ]


def managed_policy(
    scope: Construct,
    construct_id: str,
    description: str,
    permissions: Iterable[Permission],
    name: str | None = None,
) -> iam.ManagedPolicy:
    """Make a policy of the permissions, and acknowledge each wildcard in it with its reason.

    The description of a policy with a `name` must never change: IAM updates no description, and
    CloudFormation replaces no resource whose name stays.
    """
    permissions = list(permissions)
    policy = iam.ManagedPolicy(
        scope,
        construct_id,
        description=description,
        managed_policy_name=name,
        statements=[permission.statement for permission in permissions],
    )
    reasons: dict[str, dict[str, None]] = defaultdict(dict)
    for permission in permissions:
        found = [f"Action::{action}" for action in permission.statement.actions]
        found += [f"Resource::{resource}" for resource in permission.statement.resources]
        for wildcard in found:
            if "*" in wildcard and permission.why:
                reasons[wildcard][permission.why] = None
    for wildcard, whys in reasons.items():
        acknowledge_wildcard(policy, wildcard, because=" ".join(whys))
    return policy
