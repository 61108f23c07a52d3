"""What administrators create: portfolios, products with versions, constraints and TagOptions."""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

EXTERNAL = "EXTERNAL"


def new_id(prefix: str) -> str:
    """Return an id as Service Catalog's: `prefix-`, and 13 lowercase letters and digits."""
    return f"{prefix}-" + "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(13))


def now() -> datetime:
    """Return the current time, as the API's timestamps have it."""
    return datetime.now(UTC)


def tag_list(tags: dict[str, str]) -> list[dict[str, str]]:
    """Return tags in the API's shape."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


@dataclass
class Portfolio:
    """A collection of products and the principals who may launch them."""

    arn: str
    id: str
    name: str
    description: str | None
    provider: str
    tags: dict[str, str]
    principals: list[tuple[str, str]] = field(default_factory=list)  # (ARN or pattern, IAM | IAM_PATTERN)
    created: datetime = field(default_factory=now)

    def detail(self) -> dict[str, Any]:
        """Return the API's PortfolioDetail."""
        return {
            "Id": self.id,
            "ARN": self.arn,
            "DisplayName": self.name,
            "Description": self.description,
            "CreatedTime": self.created,
            "ProviderName": self.provider,
        }


@dataclass
class Artifact:
    """A version of a product, with Service Catalog's copy of the template from the time of its creation."""

    name: str
    description: str | None
    type: str
    content: bytes
    id: str = field(default_factory=lambda: new_id("pa"))
    active: bool = True
    guidance: str = "DEFAULT"
    created: datetime = field(default_factory=now)

    def detail(self) -> dict[str, Any]:
        """Return the API's ProvisioningArtifactDetail."""
        return {**self.summary(), "Type": self.type, "Active": self.active}

    def summary(self) -> dict[str, Any]:
        """Return the API's ProvisioningArtifact, which is all that end users see of a version."""
        return {
            "Id": self.id,
            "Name": self.name,
            "Description": self.description,
            "CreatedTime": self.created,
            "Guidance": self.guidance,
        }


@dataclass
class Product:
    """A product with its versions, oldest first."""

    arn: str
    id: str
    type: str
    attributes: dict[
        str, str
    ]  # Name, Owner, ShortDescription, Distributor, Support*, as ProductViewSummary has them
    tags: dict[str, str]
    artifacts: list[Artifact]
    view_id: str = field(default_factory=lambda: new_id("prodview"))
    created: datetime = field(default_factory=now)

    @property
    def name(self) -> str:
        """The name users see."""
        return self.attributes["Name"]

    def summary(self, has_default_path: bool = False) -> dict[str, Any]:
        """Return the API's ProductViewSummary."""
        return {
            "Id": self.view_id,
            "ProductId": self.id,
            "Type": self.type,
            "HasDefaultPath": has_default_path,
            **self.attributes,
        }

    def detail(self) -> dict[str, Any]:
        """Return the API's ProductViewDetail."""
        return {
            "ProductViewSummary": self.summary(),
            "Status": "AVAILABLE",
            "ProductARN": self.arn,
            "CreatedTime": self.created,
        }


@dataclass
class Constraint:
    """A launch constraint: the role that a product of a portfolio is launched with."""

    portfolio_id: str
    product_id: str
    description: str | None
    parameters: str
    owner: str
    id: str = field(default_factory=lambda: new_id("cons"))
    type: str = "LAUNCH"

    def detail(self) -> dict[str, Any]:
        """Return the API's ConstraintDetail."""
        return {
            "ConstraintId": self.id,
            "Type": self.type,
            "Description": self.description,
            "Owner": self.owner,
            "ProductId": self.product_id,
            "PortfolioId": self.portfolio_id,
        }


@dataclass
class TagOption:
    """A tag that administrators prescribe for what is launched from a portfolio or product."""

    key: str
    value: str
    owner: str
    active: bool = True
    id: str = field(default_factory=lambda: new_id("tag"))
    resource_ids: list[str] = field(default_factory=list)

    def detail(self) -> dict[str, Any]:
        """Return the API's TagOptionDetail."""
        return {
            "Key": self.key,
            "Value": self.value,
            "Active": self.active,
            "Id": self.id,
            "Owner": self.owner,
        }
