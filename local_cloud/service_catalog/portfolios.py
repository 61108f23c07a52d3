"""Portfolios, their principals and their products."""

from __future__ import annotations

import re

from local_cloud.account import ACCOUNT_ID, REGION

from .calls import Call, Response, operation
from .errors import InvalidParametersError, ResourceInUseError, ResourceNotFoundError
from .principals import principal_exists
from .resources import Portfolio, new_id, tag_list

_PATTERN = re.compile(r"arn:[\w-]+:iam:::(user|group|role)/[\w+=,.@*?/-]+")


@operation
def create_portfolio(call: Call) -> Response:
    """See the API reference: CreatePortfolio."""
    portfolio_id = new_id("port")
    portfolio = Portfolio(
        arn=f"arn:aws:catalog:{REGION}:{ACCOUNT_ID}:portfolio/{portfolio_id}",
        id=portfolio_id,
        name=call["DisplayName"],
        description=call.get("Description"),
        provider=call["ProviderName"],
        tags=call.tags(),
    )
    call.state.portfolios[portfolio_id] = portfolio
    return {"PortfolioDetail": portfolio.detail(), "Tags": tag_list(portfolio.tags)}


@operation
def describe_portfolio(call: Call) -> Response:
    """See the API reference: DescribePortfolio."""
    portfolio = call.state.portfolio(call["Id"])
    return {
        "PortfolioDetail": portfolio.detail(),
        "Tags": tag_list(portfolio.tags),
        "TagOptions": [option.detail() for option in call.state.tag_options_of([portfolio.id])],
        "Budgets": [],
    }


@operation
def list_portfolios(call: Call) -> Response:
    """See the API reference: ListPortfolios."""
    page, following = call.page(call.state.portfolios.values())
    return {"PortfolioDetails": [portfolio.detail() for portfolio in page], "NextPageToken": following}


@operation
def update_portfolio(call: Call) -> Response:
    """See the API reference: UpdatePortfolio."""
    portfolio = call.state.portfolio(call["Id"])
    portfolio.tags = call.changed_tags(portfolio.tags)
    portfolio.name = call.get("DisplayName", portfolio.name)
    portfolio.description = call.get("Description", portfolio.description)
    portfolio.provider = call.get("ProviderName", portfolio.provider)
    return {"PortfolioDetail": portfolio.detail(), "Tags": tag_list(portfolio.tags)}


@operation
def delete_portfolio(call: Call) -> Response:
    """See the API reference: DeletePortfolio.

    Raises:
        ResourceInUseError: it still has products, principals or constraints.
    """
    portfolio = call.state.portfolio(call["Id"])
    if portfolio.principals or any(portfolio_id == portfolio.id for portfolio_id, _ in call.state.paths):
        raise ResourceInUseError(f"Portfolio {portfolio.id} still has associated products or principals.")
    call.state.forget_tag_options_of(portfolio.id)
    del call.state.portfolios[portfolio.id]
    return {}


@operation
def associate_principal_with_portfolio(call: Call) -> Response:
    """See the API reference: AssociatePrincipalWithPortfolio. A repetition changes nothing.

    Raises:
        InvalidParametersError: an IAM principal does not exist, or an IAM_PATTERN is not
            `arn:partition:iam:::type/id` with wildcards in the id only.
    """
    portfolio = call.state.portfolio(call["PortfolioId"])
    arn, kind = call["PrincipalARN"], call["PrincipalType"]
    if kind == "IAM_PATTERN" and not _PATTERN.fullmatch(arn):
        raise InvalidParametersError(f"Invalid principal ARN pattern: {arn}")
    if kind == "IAM" and not principal_exists(arn):
        raise InvalidParametersError(f"Principal {arn} does not exist.")
    if (arn, kind) not in portfolio.principals:
        portfolio.principals.append((arn, kind))
    return {}


@operation
def disassociate_principal_from_portfolio(call: Call) -> Response:
    """See the API reference: DisassociatePrincipalFromPortfolio."""
    portfolio = call.state.portfolio(call["PortfolioId"])
    association = (call["PrincipalARN"], call.get("PrincipalType", "IAM"))
    if association not in portfolio.principals:
        raise ResourceNotFoundError(
            f"Principal {association[0]} is not associated with portfolio {portfolio.id}."
        )
    portfolio.principals.remove(association)
    return {}


@operation
def list_principals_for_portfolio(call: Call) -> Response:
    """See the API reference: ListPrincipalsForPortfolio."""
    page, following = call.page(call.state.portfolio(call["PortfolioId"]).principals)
    principals = [{"PrincipalARN": arn, "PrincipalType": kind} for arn, kind in page]
    return {"Principals": principals, "NextPageToken": following}


@operation
def associate_product_with_portfolio(call: Call) -> Response:
    """See the API reference: AssociateProductWithPortfolio. A repetition changes nothing."""
    portfolio = call.state.portfolio(call["PortfolioId"])
    product = call.state.product(call["ProductId"])
    if "SourcePortfolioId" in call.params:
        raise InvalidParametersError(
            "SourcePortfolioId: there are no imported portfolios in the local cloud."
        )
    call.state.paths.setdefault((portfolio.id, product.id), new_id("lpv3"))
    return {}


@operation
def disassociate_product_from_portfolio(call: Call) -> Response:
    """See the API reference: DisassociateProductFromPortfolio.

    Raises:
        ResourceInUseError: the product has a constraint in this portfolio.
    """
    portfolio = call.state.portfolio(call["PortfolioId"])
    product = call.state.product(call["ProductId"])
    if (portfolio.id, product.id) not in call.state.paths:
        raise ResourceNotFoundError(f"Product {product.id} is not associated with portfolio {portfolio.id}.")
    if call.state.launch_constraint(portfolio.id, product.id):
        raise ResourceInUseError(f"Product {product.id} still has constraints in portfolio {portfolio.id}.")
    del call.state.paths[portfolio.id, product.id]
    return {}


@operation
def list_portfolios_for_product(call: Call) -> Response:
    """See the API reference: ListPortfoliosForProduct."""
    product = call.state.product(call["ProductId"])
    holding = [portfolio_id for portfolio_id, product_id in call.state.paths if product_id == product.id]
    page, following = call.page(holding)
    return {
        "PortfolioDetails": [call.state.portfolio(portfolio_id).detail() for portfolio_id in page],
        "NextPageToken": following,
    }
