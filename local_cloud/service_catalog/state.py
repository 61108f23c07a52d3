"""What Service Catalog keeps: portfolios, products, constraints, provisioned products, records."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from threading import RLock
from typing import TypeVar

from .errors import ResourceNotFoundError
from .launches import ProvisionedProduct, Record
from .resources import Artifact, Constraint, Portfolio, Product, TagOption

Found = TypeVar("Found")


@dataclass
class State:
    """All of one account in one region, by id."""

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
        """Return a record, also one of a terminated product. Raises ResourceNotFoundError."""
        return _found(self.records.get(record_id), f"Record {record_id} not found.")

    def launch_constraint(self, portfolio_id: str, product_id: str) -> Constraint | None:
        """Return the launch constraint of a product in a portfolio, if there is one."""
        at = (portfolio_id, product_id)
        found = (each for each in self.constraints.values() if (each.portfolio_id, each.product_id) == at)
        return next(found, None)

    def tag_options_of(self, resource_ids: Iterable[str]) -> list[TagOption]:
        """Return the TagOptions that are associated with any of these portfolios and products."""
        wanted = set(resource_ids)
        return [option for option in self.tag_options.values() if wanted & set(option.resource_ids)]

    def tag_choices(self, portfolio: Portfolio, product: Product) -> dict[str, list[str]]:
        """Return the tag keys that TagOptions prescribe for a launch -> the values to choose from."""
        choices: dict[str, list[str]] = {}
        for option in self.tag_options_of([portfolio.id, product.id]):
            if option.active:
                choices.setdefault(option.key, []).append(option.value)
        return choices

    def forget_tag_options_of(self, resource_id: str) -> None:
        """Remove a portfolio or product from all TagOptions, before its deletion."""
        for option in self.tag_options_of([resource_id]):
            option.resource_ids.remove(resource_id)


def _found(thing: Found | None, message: str) -> Found:
    if thing is None:
        raise ResourceNotFoundError(message)
    return thing
