"""Findings of cdk-nag that stay, each on the one resource and with the requirement that it conflicts with."""

from __future__ import annotations

from aws_cdk import Acknowledgment, Validations
from constructs import IConstruct


def acknowledge(resource: IConstruct, reason: str, *rules: str) -> None:
    """Acknowledge `rules` on a resource. They are listed with their `reason` in docs/acknowledgements.md."""
    Validations.of(resource).acknowledge(*(Acknowledgment(id=rule, reason=reason) for rule in rules))


def in_packs(rule: str, *packs: str) -> list[str]:
    """Return the names that a rule has in several packs."""
    return [f"{pack}-{rule}" for pack in packs]


PCI, NIST, HIPAA, SERVERLESS = "PCI.DSS.321", "NIST.800.53.R5", "HIPAA.Security", "Serverless"
