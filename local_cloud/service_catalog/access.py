"""Launch paths: the portfolios through which an end user reaches a product."""

from __future__ import annotations

from dataclasses import dataclass

from .calls import Call
from .constraints import launch_role_arn
from .errors import InvalidParametersError, NotEmulatedError, ResourceNotFoundError
from .resources import EXTERNAL, Artifact, Constraint, Portfolio, Product


@dataclass(frozen=True)
class LaunchPath:
    """A portfolio through which the caller reaches a product."""

    id: str
    portfolio: Portfolio
    constraint: Constraint | None

    @property
    def launch_role_arn(self) -> str | None:
        """The role of the launch constraint, if there is one."""
        return launch_role_arn(self.constraint.parameters) if self.constraint else None


def launch_paths(call: Call, product: Product) -> list[LaunchPath]:
    """Return the caller's paths to a product, oldest first."""
    return [
        LaunchPath(
            path_id,
            call.state.portfolio(portfolio_id),
            call.state.launch_constraint(portfolio_id, product.id),
        )
        for (portfolio_id, product_id), path_id in call.state.paths.items()
        if product_id == product.id and call.caller.may_launch_from(call.state.portfolio(portfolio_id))
    ]


def path_for_launch(call: Call, product: Product) -> LaunchPath:
    """Return the path that the request names by PathId or PathName, or else the only one.

    Raises:
        ResourceNotFoundError: no portfolio with the product, or not the named one, is open to the caller.
        InvalidParametersError: there are several paths, and the request names none.
    """
    if product.type != EXTERNAL:
        raise NotEmulatedError(f"The local cloud launches no products of type {product.type}.")
    path_id, name = call.get("PathId"), call.get("PathName")
    if path_id is not None and name is not None:
        raise InvalidParametersError("Specify the launch path by either its name or its ID, and not by both.")
    paths = launch_paths(call, product)
    if not paths:
        raise ResourceNotFoundError(f"No launch paths found for resource: {product.id}")
    found = [path for path in paths if path_id in (None, path.id) and name in (None, path.portfolio.name)]
    if not found:
        raise ResourceNotFoundError(f"Launch path {path_id or name} not found.")
    if len(found) > 1:
        raise InvalidParametersError("More than one launch path ids exist. Please specify the launch path id")
    return found[0]


def offered(product: Product, artifact: Artifact) -> Artifact:
    """Return a version if it is active.

    Raises:
        ResourceNotFoundError: it is inactive. End users can't see it.
    """
    if not artifact.active:
        raise ResourceNotFoundError(
            f"Provisioning artifact {artifact.id} not found for product {product.id}."
        )
    return artifact
