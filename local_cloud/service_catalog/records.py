"""Operations that read provisioned products and records."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from .calls import Call, Response, operation
from .errors import InvalidParametersError, NotEmulatedError, ResourceNotFoundError
from .launches import ProvisionedProduct, Record
from .provisioning import find_provisioned_product
from .resources import tag_list

Owned = TypeVar("Owned", ProvisionedProduct, Record)


@operation
def describe_provisioned_product(call: Call) -> Response:
    """See the API reference: DescribeProvisionedProduct."""
    found = find_provisioned_product(call, call.get("Id"), call.get("Name"))
    return {"ProvisionedProductDetail": found.detail(), "CloudWatchDashboards": []}


@operation
def scan_provisioned_products(call: Call) -> Response:
    """See the API reference: ScanProvisionedProducts."""
    page, following = call.page(_visible(call, call.state.provisioned_products.values()))
    return {"ProvisionedProducts": [found.detail() for found in page], "NextPageToken": following}


@operation
def search_provisioned_products(call: Call) -> Response:
    """See the API reference: SearchProvisionedProducts.

    Raises:
        InvalidParametersError: a filter or sort field is unknown.
    """
    found = [_searchable(call, each) for each in _visible(call, call.state.provisioned_products.values())]
    filters = call.get("Filters", {})
    if unknown := filters.keys() - {"SearchQuery"}:
        raise InvalidParametersError(f"Unknown filter: {', '.join(unknown)}")
    for query in filters.get("SearchQuery", []):
        found = [each for each in found if _query_matches(query, each)]
    field = _FIELDS.get(call.get("SortBy", "name"))
    if field is None:
        raise InvalidParametersError(f"Unknown sort field: {call['SortBy']}")
    found.sort(key=lambda each: str(each[field]), reverse=call.get("SortOrder") == "DESCENDING")
    page, following = call.page(found)
    return {"ProvisionedProducts": page, "TotalResultsCount": len(found), "NextPageToken": following}


# Names of fields for queries and sorting (API reference, SearchProvisionedProducts).
_FIELDS = {
    "arn": "Arn",
    "createdTime": "CreatedTime",
    "id": "Id",
    "idempotencyToken": "IdempotencyToken",
    "lastRecordId": "LastRecordId",
    "name": "Name",
    "productId": "ProductId",
    "productName": "ProductName",
    "provisioningArtifactId": "ProvisioningArtifactId",
    "provisioningArtifactName": "ProvisioningArtifactName",
    "status": "Status",
    "type": "Type",
    "userArn": "UserArn",
    "userArnSession": "UserArnSession",
}


def _query_matches(query: str, found: dict[str, Any]) -> bool:
    name, colon, value = query.partition(":")
    if not colon:
        return any(query.lower() in str(found[field]).lower() for field in _FIELDS.values())
    if name not in _FIELDS:
        raise InvalidParametersError(f"Unknown field in SearchQuery: {name}")
    return str(found[_FIELDS[name]]).lower() == value.lower()


def _searchable(call: Call, provisioned: ProvisionedProduct) -> dict[str, Any]:
    product = call.state.products.get(provisioned.product_id)
    names = {artifact.id: artifact.name for artifact in product.artifacts} if product else {}
    detail = {name: value for name, value in provisioned.detail().items() if name != "LaunchRoleArn"}
    return detail | {
        "Tags": tag_list(provisioned.tags),
        "ProductName": product.name if product else None,
        "ProvisioningArtifactName": names.get(provisioned.artifact_id),
        "UserArn": provisioned.user_arn,
        "UserArnSession": provisioned.session_arn,
    }


@operation
def describe_record(call: Call) -> Response:
    """See the API reference: DescribeRecord.

    Raises:
        ResourceNotFoundError: the record does not exist, or a test hides it.
    """
    record = call.state.record(call["Id"])
    if call.service.unseen(record):
        raise ResourceNotFoundError(f"Record {record.id} not found.")
    outputs, following = call.page(record.outputs)
    return {"RecordDetail": record.detail(), "RecordOutputs": outputs, "NextPageToken": following}


@operation
def list_record_history(call: Call) -> Response:
    """See the API reference: ListRecordHistory. The newest record comes first."""
    found = _visible(call, call.state.records.values())
    search = call.get("SearchFilter", {})
    keys: dict[str, Callable[[Record], str]] = {
        "product": lambda record: record.product_id,
        "provisionedproduct": lambda record: record.provisioned_product.id,
    }
    if "Key" in search:
        if search["Key"] not in keys:
            raise InvalidParametersError(f"Unknown search filter: {search['Key']}")
        found = [record for record in found if keys[search["Key"]](record) == search.get("Value")]
    page, following = call.page(sorted(found, key=lambda record: record.created, reverse=True))
    return {"RecordDetails": [record.detail() for record in page], "NextPageToken": following}


@operation
def get_provisioned_product_outputs(_: Call) -> Response:
    """Refuse: AWS does not document whether it works for EXTERNAL. DescribeRecord has the outputs."""
    raise NotEmulatedError(
        "GetProvisionedProductOutputs is not emulated for EXTERNAL; DescribeRecord has the outputs."
    )


def _visible(call: Call, everything: Iterable[Owned]) -> list[Owned]:
    """Return what matches the AccessLevelFilter: by default, what the caller's own session launched."""
    level = call.get("AccessLevelFilter", {"Key": "User", "Value": "self"})
    if level.get("Value", "self") != "self":
        raise InvalidParametersError("The only value of an access level is self.")
    caller = call.caller
    own: dict[str, Callable[[ProvisionedProduct | Record], bool]] = {
        "Account": lambda _: True,
        "Role": lambda each: each.user_arn == caller.arn,
        "User": lambda each: each.session_arn == caller.session_arn,
    }
    return [each for each in list(everything) if own[level.get("Key", "User")](each)]
