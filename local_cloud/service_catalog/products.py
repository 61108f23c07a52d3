"""Products and their versions, as administrators see them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from local_cloud.account import ACCOUNT_ID, REGION

from .artifacts import publish, read_template
from .calls import Call, Response, operation
from .errors import InvalidParametersError, NotEmulatedError, ResourceInUseError, ResourceNotFoundError
from .resources import EXTERNAL, Artifact, Product, new_id, tag_list

_CLOUDFORMATION = "CLOUD_FORMATION_TEMPLATE"
# Request parameter -> member of ProductViewSummary.
_ATTRIBUTES = {
    "Name": "Name",
    "Owner": "Owner",
    "Description": "ShortDescription",
    "Distributor": "Distributor",
    "SupportDescription": "SupportDescription",
    "SupportEmail": "SupportEmail",
    "SupportUrl": "SupportUrl",
}


@operation
def create_product(call: Call) -> Response:
    """See the API reference: CreateProduct."""
    product_type = call["ProductType"]
    if product_type not in (EXTERNAL, _CLOUDFORMATION):
        raise NotEmulatedError(f"The local cloud does not emulate products of type {product_type}.")
    if "SourceConnection" in call.params:
        raise NotEmulatedError("The local cloud does not emulate products that are synced with a repository.")
    if "ProvisioningArtifactParameters" not in call.params:
        raise InvalidParametersError("ProvisioningArtifactParameters is required.")
    product_id = new_id("prod")
    product = Product(
        arn=f"arn:aws:catalog:{REGION}:{ACCOUNT_ID}:product/{product_id}",
        id=product_id,
        type=product_type,
        attributes=_attributes(call),
        tags=call.tags(),
        artifacts=[_new_artifact(call, product_type, call["ProvisioningArtifactParameters"])],
    )
    call.state.products[product_id] = product
    return {
        "ProductViewDetail": product.detail(),
        "ProvisioningArtifactDetail": product.artifacts[0].detail(),
        "Tags": tag_list(product.tags),
    }


def _attributes(call: Call) -> dict[str, str]:
    return {member: call[name] for name, member in _ATTRIBUTES.items() if name in call.params}


def _new_artifact(call: Call, product_type: str, properties: dict[str, Any]) -> Artifact:
    artifact_type = properties.get("Type")
    unchecked = properties.get("DisableTemplateValidation", False)
    if artifact_type != product_type:
        raise InvalidParametersError(
            f"The {product_type} Product Type only supports the following ProvisioningArtifact Types: "
            f"{product_type}"
        )
    if product_type == EXTERNAL and not unchecked:
        raise InvalidParametersError("Product type EXTERNAL requires DisableTemplateValidation set to true")
    url = properties.get("Info", {}).get("LoadTemplateFromURL")
    if url is None or set(properties["Info"]) != {"LoadTemplateFromURL"}:
        raise InvalidParametersError(
            "Info must have LoadTemplateFromURL, and nothing else in the local cloud."
        )
    content = read_template(call, url)
    if not unchecked:
        _validate(call, content)
    name = properties.get("Name") or "v1"
    return Artifact(name, properties.get("Description"), artifact_type, content)


def _validate(call: Call, content: bytes) -> None:
    try:
        call.service.identity.client("cloudformation").validate_template(TemplateBody=content.decode())
    except (ClientError, UnicodeDecodeError) as error:
        raise InvalidParametersError(f"Invalid template: {error}") from error


@operation
def describe_product_as_admin(call: Call) -> Response:
    """See the API reference: DescribeProductAsAdmin."""
    product = product_of(call, "Id", "Name")
    return {
        "ProductViewDetail": product.detail(),
        "ProvisioningArtifactSummaries": [
            {key: value for key, value in artifact.summary().items() if key != "Guidance"}
            for artifact in product.artifacts
        ],
        "Tags": tag_list(product.tags),
        "TagOptions": [option.detail() for option in call.state.tag_options_of([product.id])],
        "Budgets": [],
    }


def product_of(call: Call, id_member: str = "ProductId", name_member: str = "ProductName") -> Product:
    """Return the product that the request names by its id or by its name.

    Raises:
        InvalidParametersError: the request has both, or neither, or several products have the name.
        ResourceNotFoundError: there is no such product.
    """
    product_id, name = call.get(id_member), call.get(name_member)
    if (product_id is None) == (name is None):
        raise InvalidParametersError("Specify the product by either its name or its ID, and not by both.")
    if product_id is not None:
        return call.state.product(product_id)
    found = [product for product in call.state.products.values() if product.name == name]
    if not found:
        raise ResourceNotFoundError(f"Product {name} not found.")
    if len(found) > 1:
        raise InvalidParametersError(f"More than one product is named {name}. Specify the product ID.")
    return found[0]


def artifact_of(call: Call, product: Product) -> Artifact:
    """Return the version that the request names by id or name; the errors are those of `product_of`."""
    artifact_id, name = call.get("ProvisioningArtifactId"), call.get("ProvisioningArtifactName")
    if (artifact_id is None) == (name is None):
        raise InvalidParametersError(
            "Specify the provisioning artifact by either its name or its ID, not by both."
        )
    if artifact_id is not None:
        return call.state.artifact(product, artifact_id)
    found = [artifact for artifact in product.artifacts if artifact.name == name]
    if not found:
        raise ResourceNotFoundError(f"Provisioning artifact {name} not found for product {product.id}.")
    if len(found) > 1:
        raise InvalidParametersError(
            f"More than one version is named {name}. Specify the provisioning artifact ID."
        )
    return found[0]


@operation
def update_product(call: Call) -> Response:
    """See the API reference: UpdateProduct."""
    product = call.state.product(call["Id"])
    if "SourceConnection" in call.params:
        raise NotEmulatedError("The local cloud does not emulate products that are synced with a repository.")
    product.tags = call.changed_tags(product.tags)
    product.attributes.update(_attributes(call))
    return {"ProductViewDetail": product.detail(), "Tags": tag_list(product.tags)}


@operation
def delete_product(call: Call) -> Response:
    """See the API reference: DeleteProduct.

    Raises:
        ResourceInUseError: it is in a portfolio.
    """
    product = call.state.product(call["Id"])
    if holding := [portfolio_id for portfolio_id, product_id in call.state.paths if product_id == product.id]:
        raise ResourceInUseError(f"Product {product.id} is still associated with {', '.join(holding)}.")
    call.state.forget_tag_options_of(product.id)
    del call.state.products[product.id]
    return {}


@operation
def create_provisioning_artifact(call: Call) -> Response:
    """See the API reference: CreateProvisioningArtifact."""
    product = call.state.product(call["ProductId"])
    artifact = _new_artifact(call, product.type, call["Parameters"])
    product.artifacts.append(artifact)
    return _described(product, artifact)


def _described(product: Product, artifact: Artifact) -> Response:
    return {
        "ProvisioningArtifactDetail": artifact.detail(),
        "Info": {"TemplateUrl": template_url(product, artifact)},
        "Status": "AVAILABLE",
    }


def template_url(product: Product, artifact: Artifact) -> str:
    """Return the https URL of a new copy of a version."""
    bucket, _, key = publish(product, artifact).partition("/")
    return f"https://{bucket}.s3.{REGION}.amazonaws.com/{key}"


@operation
def update_provisioning_artifact(call: Call) -> Response:
    """See the API reference: UpdateProvisioningArtifact."""
    product = call.state.product(call["ProductId"])
    artifact = call.state.artifact(product, call["ProvisioningArtifactId"])
    artifact.name = call.get("Name", artifact.name)
    artifact.description = call.get("Description", artifact.description)
    artifact.active = call.get("Active", artifact.active)
    artifact.guidance = call.get("Guidance", artifact.guidance)
    return _described(product, artifact)


@operation
def list_provisioning_artifacts(call: Call) -> Response:
    """See the API reference: ListProvisioningArtifacts."""
    product = call.state.product(call["ProductId"])
    return {"ProvisioningArtifactDetails": [artifact.detail() for artifact in product.artifacts]}


@operation
def delete_provisioning_artifact(call: Call) -> Response:
    """See the API reference: DeleteProvisioningArtifact. Provisioned products of the version stay.

    Raises:
        ResourceInUseError: it is the last version of its product.
    """
    product = call.state.product(call["ProductId"])
    artifact = call.state.artifact(product, call["ProvisioningArtifactId"])
    if len(product.artifacts) == 1:
        raise ResourceInUseError(f"{artifact.id} is the last provisioning artifact of product {product.id}.")
    product.artifacts.remove(artifact)
    return {}


@operation
def search_products_as_admin(call: Call) -> Response:
    """See the API reference: SearchProductsAsAdmin."""
    found = list(call.state.products.values())
    if "PortfolioId" in call.params:
        portfolio = call.state.portfolio(call["PortfolioId"])
        found = [product for product in found if (portfolio.id, product.id) in call.state.paths]
    page, following = call.page(search(call, found))
    return {"ProductViewDetails": [product.detail() for product in page], "NextPageToken": following}


def search(call: Call, products: list[Product]) -> list[Product]:
    """Return the products that match a search's Filters, in the order of its SortBy and SortOrder.

    Raises:
        InvalidParametersError: a filter is unknown.
    """
    for name, values in call.get("Filters", {}).items():
        if name not in _FILTERS:
            raise InvalidParametersError(f"Unknown filter: {name}")
        products = [
            product for product in products if any(_FILTERS[name](product, value) for value in values)
        ]
    sort = _SORTS[call.get("SortBy", "Title")]
    return sorted(products, key=sort, reverse=call.get("SortOrder") == "DESCENDING")


_FILTERS: dict[str, Callable[[Product, str], bool]] = {
    "FullTextSearch": lambda product, text: text.lower() in " ".join(product.attributes.values()).lower(),
    "Owner": lambda product, owner: product.attributes["Owner"] == owner,
    "ProductType": lambda product, product_type: product.type == product_type,
    "SourceProductId": lambda product, product_id: product.id == product_id,
}
_SORTS: dict[str, Callable[[Product], Any]] = {
    "Title": lambda product: product.name,
    "VersionCount": lambda product: len(product.artifacts),
    "CreationDate": lambda product: product.created,
}
