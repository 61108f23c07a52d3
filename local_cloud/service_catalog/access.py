"""What an end user finds: the ways to a product that the portfolios open to this user."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .calls import Call
from .constraints import launch_role_arn
from .errors import InvalidParametersError, NotEmulatedError, ResourceNotFoundError
from .model import EXTERNAL, Artifact, Constraint, Portfolio, Product
from .products import artifact_named, product_named


@dataclass(frozen=True)
class LaunchPath:
    """A portfolio through which the caller reaches a product."""

    id: str
    portfolio: Portfolio
    constraint: Constraint | None

    @property
    def launch_role_arn(self) -> str | None:
        """The role that the launch constraint gives, if there is one."""
        return launch_role_arn(self.constraint.parameters) if self.constraint else None


def launch_paths(call: Call, product: Product) -> list[LaunchPath]:
    """Return the caller's paths to a product, oldest first."""
    return [
        LaunchPath(
            path_id,
            call.catalog.portfolio(portfolio_id),
            call.catalog.launch_constraint(portfolio_id, product.id),
        )
        for (portfolio_id, product_id), path_id in call.catalog.paths.items()
        if product_id == product.id and call.caller.may_launch_from(call.catalog.portfolio(portfolio_id))
    ]


def product_for_user(call: Call) -> tuple[Product, LaunchPath]:
    """Return the product that ProductId or ProductName mean, and the path that PathId or PathName mean.

    Raises:
        ResourceNotFoundError: no portfolio with the product is open to the caller.
        InvalidParametersError: there are several paths and none is named.
    """
    product = product_named(call, call.get("ProductId"), call.get("ProductName"))
    if product.type != EXTERNAL:
        raise NotEmulatedError(
            f"The local cloud launches products of type EXTERNAL only, not {product.type}."
        )
    return product, _choose(call, product)


def _choose(call: Call, product: Product) -> LaunchPath:
    paths = launch_paths(call, product)
    if not paths:
        raise ResourceNotFoundError(f"No launch paths found for resource: {product.id}")
    chosen: Callable[[LaunchPath], bool] = lambda path: (  # noqa: E731
        call.get("PathId", path.id) == path.id
        and call.get("PathName", path.portfolio.name) == path.portfolio.name
    )
    if {"PathId", "PathName"} <= call.params.keys():
        raise InvalidParametersError("Specify the launch path by either its name or its ID, and not by both.")
    found = [path for path in paths if chosen(path)]
    if not found:
        raise ResourceNotFoundError(f"Launch path {call.get('PathId') or call.get('PathName')} not found.")
    if len(found) > 1:
        raise InvalidParametersError("More than one launch path ids exist. Please specify the launch path id")
    return found[0]


def artifact_for_user(call: Call, product: Product) -> Artifact:
    """Return the version that the request means. To end users, inactive ones do not exist."""
    artifact_id, name = call.get("ProvisioningArtifactId"), call.get("ProvisioningArtifactName")
    artifact = artifact_named(call, product, artifact_id, name)
    if not artifact.active:
        raise ResourceNotFoundError(
            f"Provisioning artifact {artifact.id} not found for product {product.id}."
        )
    return artifact
