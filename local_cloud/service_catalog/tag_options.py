"""TagOptions: tags that administrators prescribe for launches."""

from __future__ import annotations

from local_cloud.account import ACCOUNT_ID

from .calls import Call, Response, operation
from .errors import (
    DuplicateResourceError,
    InvalidParametersError,
    ResourceInUseError,
    ResourceNotFoundError,
)
from .resources import Portfolio, Product, TagOption


@operation
def create_tag_option(call: Call) -> Response:
    """See the API reference: CreateTagOption."""
    option = TagOption(call["Key"], call["Value"], ACCOUNT_ID)
    _refuse_duplicate(call, option.key, option.value)
    call.state.tag_options[option.id] = option
    return {"TagOptionDetail": option.detail()}


def _refuse_duplicate(call: Call, key: str, value: str) -> None:
    if (key, value) in {(option.key, option.value) for option in call.state.tag_options.values()}:
        raise DuplicateResourceError(f"A TagOption with key {key} and value {value} exists already.")


def _tag_option(call: Call, option_id: str) -> TagOption:
    if option_id not in call.state.tag_options:
        raise ResourceNotFoundError(f"TagOption {option_id} not found.")
    return call.state.tag_options[option_id]


@operation
def describe_tag_option(call: Call) -> Response:
    """See the API reference: DescribeTagOption."""
    return {"TagOptionDetail": _tag_option(call, call["Id"]).detail()}


@operation
def update_tag_option(call: Call) -> Response:
    """See the API reference: UpdateTagOption."""
    option = _tag_option(call, call["Id"])
    if call.get("Value", option.value) != option.value:
        _refuse_duplicate(call, option.key, call["Value"])
        option.value = call["Value"]
    option.active = call.get("Active", option.active)
    return {"TagOptionDetail": option.detail()}


@operation
def delete_tag_option(call: Call) -> Response:
    """See the API reference: DeleteTagOption.

    Raises:
        ResourceInUseError: it is associated with a portfolio or product.
    """
    option = _tag_option(call, call["Id"])
    if option.resource_ids:
        raise ResourceInUseError(
            f"TagOption {option.id} is associated with {', '.join(option.resource_ids)}."
        )
    del call.state.tag_options[option.id]
    return {}


@operation
def list_tag_options(call: Call) -> Response:
    """See the API reference: ListTagOptions."""
    wanted = call.get("Filters", {})
    options = [each for each in call.state.tag_options.values() if wanted.items() <= each.detail().items()]
    page, following = call.page(options)
    return {"TagOptionDetails": [option.detail() for option in page], "PageToken": following}


@operation
def associate_tag_option_with_resource(call: Call) -> Response:
    """See the API reference: AssociateTagOptionWithResource."""
    option = _tag_option(call, call["TagOptionId"])
    resource = _resource(call, call["ResourceId"])
    if resource.id in option.resource_ids:
        raise DuplicateResourceError(f"TagOption {option.id} is associated with {resource.id} already.")
    option.resource_ids.append(resource.id)
    return {}


def _resource(call: Call, resource_id: str) -> Portfolio | Product:
    if resource_id.startswith("port-"):
        return call.state.portfolio(resource_id)
    if resource_id.startswith("prod-"):
        return call.state.product(resource_id)
    raise InvalidParametersError(f"{resource_id} is neither a portfolio nor a product.")


@operation
def disassociate_tag_option_from_resource(call: Call) -> Response:
    """See the API reference: DisassociateTagOptionFromResource."""
    option = _tag_option(call, call["TagOptionId"])
    if call["ResourceId"] not in option.resource_ids:
        raise ResourceNotFoundError(f"TagOption {option.id} is not associated with {call['ResourceId']}.")
    option.resource_ids.remove(call["ResourceId"])
    return {}


@operation
def list_resources_for_tag_option(call: Call) -> Response:
    """See the API reference: ListResourcesForTagOption."""
    option = _tag_option(call, call["TagOptionId"])
    resources = [_resource(call, resource_id) for resource_id in option.resource_ids]
    kinds = {"Portfolio": Portfolio, "Product": Product}
    if "ResourceType" in call.params:
        if call["ResourceType"] not in kinds:
            raise InvalidParametersError(f"Unknown resource type: {call['ResourceType']}")
        resources = [each for each in resources if isinstance(each, kinds[call["ResourceType"]])]
    page, following = call.page(resources)
    details = [
        {"Id": each.id, "ARN": each.arn, "Name": each.name, "CreatedTime": each.created} for each in page
    ]
    return {"ResourceDetails": details, "PageToken": following}
