"""Findings of cdk-nag that stay, each on one resource and with the requirement that a fix would break."""

from __future__ import annotations

from typing import Any

from aws_cdk import Acknowledgment, Stack, Validations
from constructs import IConstruct

SOLUTIONS = "AwsSolutions"
PCI = "PCI.DSS.321"
NIST = "NIST.800.53.R5"
HIPAA = "HIPAA.Security"
SERVERLESS = "Serverless"


def acknowledge(resource: IConstruct, rule: str, *packs: str, because: str) -> None:
    """Acknowledge the finding of a rule on one resource, for each of the `packs` that have the rule.

    The template does not show acknowledgements; docs/audit/acknowledgements.md lists all of them.
    """
    Validations.of(resource).acknowledge(
        *(Acknowledgment(id=f"{pack}::{pack}-{rule}", reason=because) for pack in packs)
    )


def acknowledge_wildcard(policy: IConstruct, wildcard: str, *, because: str) -> None:
    """Acknowledge a wildcard of a policy, such as `Action::s3:Get*`, or `Resource::` and an ARN."""
    finding = _as_cdk_nag_writes(Stack.of(policy).resolve(wildcard))
    acknowledge(policy, f"IAM5[{finding}]", SOLUTIONS, because=because)


def _as_cdk_nag_writes(value: Any) -> str:
    match value:
        case {"Ref": name}:
            return f"<{name}>"
        case {"Fn::GetAtt": [logical_id, attribute]}:
            return f"<{logical_id}.{attribute}>"
        case {"Fn::Join": [_, [*parts]]}:
            return "".join(_as_cdk_nag_writes(part) for part in parts)
    return str(value)
