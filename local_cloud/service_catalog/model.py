"""What Service Catalog keeps, per account and region."""

from __future__ import annotations

import secrets
import string
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import RLock
from typing import Any, Literal, TypeVar

from .errors import ResourceNotFoundError

EXTERNAL = "EXTERNAL"

RecordType = Literal["PROVISION_PRODUCT", "UPDATE_PROVISIONED_PRODUCT", "TERMINATE_PROVISIONED_PRODUCT"]
Outcome = Literal["accepted", "repeated", "refused"]
Found = TypeVar("Found")


def new_id(prefix: str) -> str:
    """Return an identifier as Service Catalog makes them: `prefix-` and 13 lowercase letters and digits."""
    return f"{prefix}-" + "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(13))


def now() -> datetime:
    """Return the present as the API's timestamps carry it."""
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
    """One version of a product, with Service Catalog's own copy of what the template URL held at creation."""

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


@dataclass
class ProvisionedProduct:
    """What one launch made, for as long as it is not terminated."""

    arn: str
    id: str
    name: str
    product_id: str
    artifact_id: str
    path_id: str
    launch_role_arn: str
    parameters: dict[str, str]
    tags: dict[str, str]
    principal: str  # unique id of who launched it, as the messages to the engine carry it
    user_arn: str
    session_arn: str
    token: str
    last_record_id: str = ""
    last_provisioning_record_id: str = ""
    last_successful_provisioning_record_id: str | None = None
    status: str = "UNDER_CHANGE"
    status_message: str | None = None
    created: datetime = field(default_factory=now)

    def detail(self) -> dict[str, Any]:
        """Return the API's ProvisionedProductDetail."""
        return {
            "Name": self.name,
            "Arn": self.arn,
            "Type": EXTERNAL,
            "Id": self.id,
            "Status": self.status,
            "StatusMessage": self.status_message,
            "CreatedTime": self.created,
            "IdempotencyToken": self.token,
            "LastRecordId": self.last_record_id,
            "LastProvisioningRecordId": self.last_provisioning_record_id,
            "LastSuccessfulProvisioningRecordId": self.last_successful_provisioning_record_id,
            "ProductId": self.product_id,
            "ProvisioningArtifactId": self.artifact_id,
            "LaunchRoleArn": self.launch_role_arn,
        }


@dataclass(frozen=True)
class Answer:
    """One well-formed Notify… call that named an existing record, and what became of it."""

    arguments: dict[str, Any] = field(repr=False)  # holds the workflow token
    status: str
    idempotency_token: str
    outcome: Outcome


@dataclass
class Record:
    """One operation on a provisioned product, and the engine's answers to it."""

    type: RecordType
    provisioned_product: ProvisionedProduct
    product_id: str
    artifact_id: str
    parameters: dict[str, str]
    user_arn: str
    session_arn: str
    workflow_token: str = field(repr=False)  # whoever knows it can end the operation
    id: str = field(default_factory=lambda: new_id("rec"))
    status: str = "CREATED"
    errors: list[dict[str, str]] = field(default_factory=list)
    outputs: list[dict[str, str]] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    created: datetime = field(default_factory=now)
    updated: datetime = field(default_factory=now)

    def set_status(self, status: str) -> None:
        """Move on, as describe-record shows it."""
        self.status = status
        self.updated = now()

    def detail(self) -> dict[str, Any]:
        """Return the API's RecordDetail."""
        product = self.provisioned_product
        return {
            "RecordId": self.id,
            "ProvisionedProductName": product.name,
            "Status": self.status,
            "CreatedTime": self.created,
            "UpdatedTime": self.updated,
            "ProvisionedProductType": EXTERNAL,
            "RecordType": self.type,
            "ProvisionedProductId": product.id,
            "ProductId": self.product_id,
            "ProvisioningArtifactId": self.artifact_id,
            "PathId": product.path_id,
            "RecordErrors": list(self.errors),
            "RecordTags": tag_list(product.tags),
            "LaunchRoleArn": product.launch_role_arn,
        }


@dataclass
class Catalog:
    """Everything of one account in one region."""

    portfolios: dict[str, Portfolio] = field(default_factory=dict)
    products: dict[str, Product] = field(default_factory=dict)
    paths: dict[tuple[str, str], str] = field(default_factory=dict)  # (portfolio, product) -> launch path id
    constraints: dict[str, Constraint] = field(default_factory=dict)
    tag_options: dict[str, TagOption] = field(default_factory=dict)
    provisioned_products: dict[str, ProvisionedProduct] = field(default_factory=dict)
    records: dict[str, Record] = field(default_factory=dict)
    lock: RLock = field(default_factory=RLock, repr=False)

    def portfolio(self, portfolio_id: str) -> Portfolio:
        """Return a portfolio. Raises ResourceNotFoundError."""
        return _found(self.portfolios.get(portfolio_id), f"Portfolio {portfolio_id} not found.")

    def product(self, product_id: str) -> Product:
        """Return a product. Raises ResourceNotFoundError."""
        return _found(self.products.get(product_id), f"Product {product_id} not found.")

    def artifact(self, product: Product, artifact_id: str) -> Artifact:
        """Return a version of a product, active or not. Raises ResourceNotFoundError."""
        found = next((artifact for artifact in product.artifacts if artifact.id == artifact_id), None)
        return _found(found, f"Provisioning artifact {artifact_id} not found for product {product.id}.")

    def constraint(self, constraint_id: str) -> Constraint:
        """Return a constraint. Raises ResourceNotFoundError."""
        return _found(self.constraints.get(constraint_id), f"Constraint {constraint_id} not found.")

    def record(self, record_id: str) -> Record:
        """Return a record, also of a provisioned product that is gone. Raises ResourceNotFoundError."""
        return _found(self.records.get(record_id), f"Record {record_id} not found.")

    def launch_constraint(self, portfolio_id: str, product_id: str) -> Constraint | None:
        """Return the launch constraint of a product in a portfolio: there is one at most."""
        at = (portfolio_id, product_id)
        found = (each for each in self.constraints.values() if (each.portfolio_id, each.product_id) == at)
        return next(found, None)

    def tag_options_of(self, resource_ids: Iterable[str]) -> list[TagOption]:
        """Return the TagOptions associated with any of the portfolios and products named."""
        wanted = set(resource_ids)
        return [option for option in self.tag_options.values() if wanted & set(option.resource_ids)]

    def forget_tag_options_of(self, resource_id: str) -> None:
        """Take a portfolio or product that is being deleted out of all TagOptions."""
        for option in self.tag_options_of([resource_id]):
            option.resource_ids.remove(resource_id)


def _found(thing: Found | None, message: str) -> Found:
    if thing is None:
        raise ResourceNotFoundError(message)
    return thing
