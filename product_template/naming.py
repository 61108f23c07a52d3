"""The physical names of the product's resources. All of them are made here."""

from __future__ import annotations

from dataclasses import dataclass

import aws_cdk as cdk
from constructs import IConstruct


@dataclass(frozen=True)
class Naming:
    """Names every resource `{resource-type}-{suffix}`.

    Attributes:
        suffix: the environment suffix, or the token that stands for it until launch.
    """

    suffix: str

    def of(self, resource_type: str) -> str:
        """Return the name of the stack's one resource of this type."""
        return f"{resource_type}-{self.suffix}"

    def unique(self, resource_type: str) -> str:
        """Return a name with the account's id, for what shares one namespace with all accounts: buckets."""
        return self.of(f"{resource_type}-{cdk.Aws.ACCOUNT_ID}")

    def tag(self, resource: IConstruct, resource_type: str) -> None:
        """Give a resource that has no name property, as most of EC2's, the tag `Name`."""
        cdk.Tags.of(resource).add("Name", self.of(resource_type))
