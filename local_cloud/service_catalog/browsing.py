"""What end users see before a launch: products, launch paths and the parameters of the form."""

from __future__ import annotations

from .access import LaunchPath, launch_paths, offered, path_for_launch
from .calls import Call, Response, operation
from .errors import InvalidParametersError, ResourceNotFoundError
from .external_engine import parse_parameters
from .products import artifact_of, product_of, search, template_url
from .resources import EXTERNAL, Product, tag_list


@operation
def search_products(call: Call) -> Response:
    """See the API reference: SearchProducts."""
    reachable = [product for product in call.state.products.values() if launch_paths(call, product)]
    found = search(call, reachable)
    page, following = call.page(found)
    return {
        "ProductViewSummaries": [product.summary(_has_default_path(call, product)) for product in page],
        "ProductViewAggregations": {
            "Owner": _counted([product.attributes["Owner"] for product in found]),
            "ProductType": _counted([product.type for product in found]),
            "Vendor": _counted([product.attributes.get("Distributor", "") for product in found]),
        },
        "NextPageToken": following,
    }


def _counted(values: list[str]) -> list[dict[str, object]]:
    return [{"Value": value, "ApproximateCount": values.count(value)} for value in sorted(set(values) - {""})]


def _has_default_path(call: Call, product: Product) -> bool:
    return len(launch_paths(call, product)) == 1


@operation
def describe_product(call: Call) -> Response:
    """See the API reference: DescribeProduct. Without access, the product is not found."""
    product = product_of(call, "Id", "Name")
    return _described(call, product)


@operation
def describe_product_view(call: Call) -> Response:
    """See the API reference: DescribeProductView, which takes a `prodview-` identifier."""
    product = next((each for each in call.state.products.values() if each.view_id == call["Id"]), None)
    if product is None:
        raise ResourceNotFoundError(f"Product view {call['Id']} not found.")
    described = _described(call, product)
    return {name: described[name] for name in ("ProductViewSummary", "ProvisioningArtifacts")}


def _described(call: Call, product: Product) -> Response:
    paths = launch_paths(call, product)
    if not paths:
        raise ResourceNotFoundError(f"Product {product.id} not found.")
    return {
        "ProductViewSummary": product.summary(_has_default_path(call, product)),
        "ProvisioningArtifacts": [artifact.summary() for artifact in product.artifacts if artifact.active],
        "Budgets": [],
        "LaunchPaths": [{"Id": path.id, "Name": path.portfolio.name} for path in paths],
    }


@operation
def list_launch_paths(call: Call) -> Response:
    """See the API reference: ListLaunchPaths."""
    product = call.state.product(call["ProductId"])
    paths = launch_paths(call, product)
    if not paths:
        raise ResourceNotFoundError(f"No launch paths found for resource: {product.id}")
    page, following = call.page(paths)
    summaries = [
        {
            "Id": path.id,
            "Name": path.portfolio.name,
            "ConstraintSummaries": _constraints(path),
            "Tags": tag_list({**path.portfolio.tags, **product.tags}),
        }
        for path in page
    ]
    return {"LaunchPathSummaries": summaries, "NextPageToken": following}


def _constraints(path: LaunchPath) -> list[dict[str, str | None]]:
    constraint = path.constraint
    return [{"Type": constraint.type, "Description": constraint.description}] if constraint else []


@operation
def describe_provisioning_parameters(call: Call) -> Response:
    """See the API reference: DescribeProvisioningParameters. The engine's parser tells the parameters.

    Raises:
        InvalidParametersError: the parser can't be reached, or fails.
    """
    product = product_of(call)
    path = path_for_launch(call, product)
    artifact = offered(product, artifact_of(call, product))
    parameters = parse_parameters(product, artifact, path.launch_role_arn)
    options = call.state.tag_choices(path.portfolio, product)
    return {
        "ProvisioningArtifactParameters": parameters,
        "ConstraintSummaries": _constraints(path),
        "UsageInstructions": [],
        "TagOptions": [{"Key": key, "Values": values} for key, values in options.items()],
        "ProvisioningArtifactOutputs": [],
        "ProvisioningArtifactOutputKeys": [],
    }


@operation
def describe_provisioning_artifact(call: Call) -> Response:
    """See the API reference: DescribeProvisioningArtifact. The parser gets no launch role.

    Raises:
        InvalidParametersError: Verbose is true, which EXTERNAL does not allow, or the parser fails.
    """
    product = product_of(call)
    artifact = artifact_of(call, product)
    if product.type == EXTERNAL and call.get("Verbose"):
        raise InvalidParametersError("Verbose cannot be true for Product type EXTERNAL.")
    answer: Response = {
        "ProvisioningArtifactDetail": artifact.detail(),
        "Info": {"TemplateUrl": template_url(product, artifact)},
        "Status": "AVAILABLE",
    }
    if call.get("IncludeProvisioningArtifactParameters"):
        answer["ProvisioningArtifactParameters"] = parse_parameters(product, artifact, None)
    return answer
