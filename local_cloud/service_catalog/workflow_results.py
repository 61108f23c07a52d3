"""The engine's answers: the three operations Notify…EngineWorkflowResult."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from local_cloud.account import ACCOUNT_ID, REGION
from local_cloud.iam.policies import Caller, identity_allows

from .calls import Call, Response, operation
from .errors import InvalidParametersError
from .launches import Answer, Outcome, ProvisionedProduct, Record, RecordType
from .principals import SERVICE, SOURCE_ARN

logger = logging.getLogger(__name__)

_INTERNAL_FAILURE = "Internal failure."


class ResourceGroupError(Exception):
    """The launch role does not let Service Catalog group and tag the resources."""


@operation
def notify_provision_product_engine_workflow_result(call: Call) -> Response:
    """See the API reference: NotifyProvisionProductEngineWorkflowResult.

    Raises:
        InvalidParametersError: a success has no ResourceIdentifier, or `_take` refuses.
        ResourceNotFoundError: there is no such record.
    """
    tag = call.get("ResourceIdentifier", {}).get("UniqueTag")
    if tag is not None and not {"Key", "Value"} <= tag.keys():
        raise InvalidParametersError("UniqueTag must have a Key and a Value.")
    if tag is None and call["Status"] == "SUCCEEDED":
        raise InvalidParametersError("A ResourceIdentifier is required for a workflow Status of 'SUCCEEDED'.")

    def conclude(record: Record) -> None:
        if tag is None:
            return _fail(record, _INTERNAL_FAILURE, "ERROR")
        try:
            _gather_resources(call, record.provisioned_product, tag)
        except ResourceGroupError as error:
            return _fail(record, str(error), "ERROR")
        if call["Status"] == "FAILED":
            return _fail(record, call.get("FailureReason", _INTERNAL_FAILURE), "TAINTED")
        return _succeed(call, record)

    return _take(call, "PROVISION_PRODUCT", conclude)


@operation
def notify_update_provisioned_product_engine_workflow_result(call: Call) -> Response:
    """See the API reference: NotifyUpdateProvisionedProductEngineWorkflowResult. It changes no tags."""

    def conclude(record: Record) -> None:
        if call["Status"] == "FAILED":
            return _fail(record, call.get("FailureReason", _INTERNAL_FAILURE), "TAINTED")
        record.provisioned_product.artifact_id = record.artifact_id
        return _succeed(call, record)

    return _take(call, "UPDATE_PROVISIONED_PRODUCT", conclude)


@operation
def notify_terminate_provisioned_product_engine_workflow_result(call: Call) -> Response:
    """See the API reference: NotifyTerminateProvisionedProductEngineWorkflowResult. The records stay."""

    def conclude(record: Record) -> None:
        if call["Status"] == "FAILED":
            return _fail(record, call.get("FailureReason", _INTERNAL_FAILURE), "ERROR")
        _delete_group(call, record.provisioned_product)
        with call.state.lock:
            del call.state.provisioned_products[record.provisioned_product.id]
        record.set_status("SUCCEEDED")
        return None

    return _take(call, "TERMINATE_PROVISIONED_PRODUCT", conclude)


def _take(call: Call, record_type: RecordType, conclude: Callable[[Record], None]) -> Response:
    """Take an engine's answer. The first one ends the operation; an exact repetition does nothing.

    Raises:
        ResourceNotFoundError: there is no such record.
        InvalidParametersError: the record has another token, is of another operation, or has another answer.
    """
    record = call.state.record(call["RecordId"])
    # `conclude` takes time. A repetition has to wait for it, answers to other records need not.
    with record.lock:
        refusal = _refusal(call, record, record_type)
        outcome: Outcome = "refused" if refusal else "repeated" if _first(record) else "accepted"
        if outcome == "accepted":
            conclude(record)
        record.answers.append(Answer(call.params, call["Status"], call["IdempotencyToken"], outcome))
    if refusal:
        raise InvalidParametersError(refusal)
    return {}


def _refusal(call: Call, record: Record, record_type: RecordType) -> str | None:
    if record.type != record_type:
        return f"Record {record.id} is of type {record.type}, not {record_type}."
    if record.workflow_token != call["WorkflowToken"]:
        return f"The WorkflowToken does not belong to record {record.id}."
    first = _first(record)
    if first and first.arguments != call.params:
        return f"The workflow of record {record.id} has reported its result already."
    return None


def _first(record: Record) -> Answer | None:
    return next((answer for answer in record.answers if answer.outcome == "accepted"), None)


def _succeed(call: Call, record: Record) -> None:
    record.outputs = call.get("Outputs", [])
    record.provisioned_product.last_successful_provisioning_record_id = record.id
    record.provisioned_product.status = "AVAILABLE"
    record.set_status("SUCCEEDED")


def _fail(record: Record, reason: str, status: str) -> None:
    record.errors = [
        {"Code": "InternalFailure" if reason == _INTERNAL_FAILURE else "EngineFailure", "Description": reason}
    ]
    record.provisioned_product.status = status
    record.provisioned_product.status_message = reason
    record.set_status("FAILED")


def _gather_resources(call: Call, provisioned: ProvisionedProduct, tag: dict[str, str]) -> None:
    """Create the resource group and tag its resources, with the launch role.

    Raises:
        ResourceGroupError: Service Catalog can't assume the role, or the role lacks a permission.
    """
    filters = [{"Key": tag["Key"], "Values": [tag["Value"]]}]
    query = json.dumps({"ResourceTypeFilters": ["AWS::AllSupported"], "TagFilters": filters})
    try:
        groups = _as_launch_role(call, provisioned, "resource-groups")
        _check_permissions(provisioned)
        groups.create_group(
            Name=_group_name(provisioned), ResourceQuery={"Type": "TAG_FILTERS_1_0", "Query": query}
        )
        if provisioned.tags:
            _tag(_as_launch_role(call, provisioned, "resourcegroupstaggingapi"), filters, provisioned.tags)
    except ClientError as error:
        raise ResourceGroupError(error.response["Error"]["Message"]) from error


def _tag(tagging: Any, filters: list[dict[str, Any]], tags: dict[str, str]) -> None:
    pages = tagging.get_paginator("get_resources").paginate(TagFilters=filters)
    arns = [found["ResourceARN"] for page in pages for found in page["ResourceTagMappingList"]]
    for start in range(0, len(arns), 20):  # TagResources takes 20 at a time
        answer = tagging.tag_resources(ResourceARNList=arns[start : start + 20], Tags=tags)
        if refused := answer.get("FailedResourcesMap"):
            logger.warning("moto cannot tag %s", ", ".join(refused))


def _check_permissions(provisioned: ProvisionedProduct) -> None:
    """Check the permissions that the page "external engine" wants of a launch role; moto checks none."""
    role_arn = provisioned.launch_role_arn
    group_arn = f"arn:aws:resource-groups:{REGION}:{ACCOUNT_ID}:group/{_group_name(provisioned)}"
    role = Caller(ACCOUNT_ID, role_arn)
    if refused := [
        action
        for action in ("resource-groups:CreateGroup", _LIST_GROUP, *_TAG_ACTIONS)
        if not identity_allows(role_arn, action, group_arn if action == _LIST_GROUP else "*", role)
    ]:
        raise ResourceGroupError(f"Launch role {role_arn} is not allowed: {', '.join(refused)}")


_LIST_GROUP = "resource-groups:ListGroupResources"
_TAG_ACTIONS = (
    "tag:GetResources",
    "tag:GetTagKeys",
    "tag:GetTagValues",
    "tag:TagResources",
    "tag:UntagResources",
)


def _delete_group(call: Call, provisioned: ProvisionedProduct) -> None:
    try:
        _as_launch_role(call, provisioned, "resource-groups").delete_group(GroupName=_group_name(provisioned))
    except ClientError as error:
        logger.info("No resource group of %s is deleted: %s", provisioned.id, error)


def _group_name(provisioned: ProvisionedProduct) -> str:
    return f"SC-{ACCOUNT_ID}-{provisioned.id}"


def _as_launch_role(call: Call, provisioned: ProvisionedProduct, service: str) -> Any:
    return call.service.identity.client(
        service, provisioned.launch_role_arn, provisioned.id, SERVICE, SOURCE_ARN
    )
