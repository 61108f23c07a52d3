"""Launch constraints: which role a product is launched with."""

from __future__ import annotations

import json

from local_cloud.account import ACCOUNT_ID

from .calls import Call, Response, operation
from .errors import (
    DuplicateResourceError,
    InvalidParametersError,
    NotEmulatedError,
    ResourceNotFoundError,
)
from .principals import assume_for_a_test
from .resources import EXTERNAL, Constraint, Product


@operation
def create_constraint(call: Call) -> Response:
    """See the API reference: CreateConstraint.

    Raises:
        DuplicateResourceError: the product already has a launch constraint in this portfolio.
        InvalidParametersError: EXTERNAL does not allow the type, or Service Catalog can't assume the role.
    """
    portfolio = call.state.portfolio(call["PortfolioId"])
    product = call.state.product(call["ProductId"])
    _check_type(call["Type"], product)
    if (portfolio.id, product.id) not in call.state.paths:
        raise ResourceNotFoundError(f"Product {product.id} is not associated with portfolio {portfolio.id}.")
    if call.state.launch_constraint(portfolio.id, product.id):
        raise DuplicateResourceError(
            f"A LAUNCH constraint exists for {product.id} in portfolio {portfolio.id}."
        )
    assume_for_a_test(launch_role_arn(call["Parameters"]))
    constraint = Constraint(portfolio.id, product.id, call.get("Description"), call["Parameters"], ACCOUNT_ID)
    call.state.constraints[constraint.id] = constraint
    return _described(constraint)


def launch_role_arn(parameters: str) -> str:
    """Return the ARN of the role in a launch constraint's parameters, in this account.

    Raises:
        InvalidParametersError: they are not JSON with exactly one of RoleArn and LocalRoleName.
    """
    try:
        document = json.loads(parameters)
    except json.JSONDecodeError:
        document = None
    if not isinstance(document, dict) or len({"RoleArn", "LocalRoleName"} & document.keys()) != 1:
        raise InvalidParametersError(
            "LAUNCH constraint parameters must have either RoleArn or LocalRoleName."
        )
    arn: str = document.get("RoleArn") or f"arn:aws:iam::{ACCOUNT_ID}:role/{document['LocalRoleName']}"
    if not arn.startswith("arn:aws:iam::"):
        raise InvalidParametersError(f"RoleArn is not the ARN of an IAM role: {arn}")
    return arn


def _check_type(constraint_type: str, product: Product) -> None:
    if constraint_type == "LAUNCH":
        return
    if product.type == EXTERNAL:
        raise InvalidParametersError(
            f"Constraint type {constraint_type} is not supported for Product type EXTERNAL."
        )
    raise NotEmulatedError(f"The local cloud emulates LAUNCH constraints only, not {constraint_type}.")


def _described(constraint: Constraint) -> Response:
    return {
        "ConstraintDetail": constraint.detail(),
        "ConstraintParameters": constraint.parameters,
        "Status": "AVAILABLE",
    }


@operation
def describe_constraint(call: Call) -> Response:
    """See the API reference: DescribeConstraint."""
    return _described(call.state.constraint(call["Id"]))


@operation
def update_constraint(call: Call) -> Response:
    """See the API reference: UpdateConstraint. A provisioned product keeps the role of its launch."""
    constraint = call.state.constraint(call["Id"])
    parameters = call.get("Parameters", constraint.parameters)
    assume_for_a_test(launch_role_arn(parameters))
    constraint.parameters = parameters
    constraint.description = call.get("Description", constraint.description)
    return _described(constraint)


@operation
def delete_constraint(call: Call) -> Response:
    """See the API reference: DeleteConstraint."""
    del call.state.constraints[call.state.constraint(call["Id"]).id]
    return {}


@operation
def list_constraints_for_portfolio(call: Call) -> Response:
    """See the API reference: ListConstraintsForPortfolio."""
    portfolio = call.state.portfolio(call["PortfolioId"])
    found = [each for each in call.state.constraints.values() if each.portfolio_id == portfolio.id]
    if "ProductId" in call.params:
        found = [each for each in found if each.product_id == call["ProductId"]]
    page, following = call.page(found)
    return {"ConstraintDetails": [each.detail() for each in page], "NextPageToken": following}
