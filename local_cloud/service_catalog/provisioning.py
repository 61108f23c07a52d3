"""Launch, update and terminate: each makes a record and sends the operation to the engine."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from threading import Thread
from typing import Any

from local_cloud.account import ACCOUNT_ID, REGION

from .access import LaunchPath, offered, path_for_launch
from .calls import Call, Response, operation
from .errors import (
    InvalidParametersError,
    NotEmulatedError,
    ResourceNotFoundError,
    ValidationError,
)
from .external_engine import EngineUnreachableError, describe_inputs, describe_operation, send
from .launches import ProvisionedProduct, Record, RecordType
from .products import artifact_of, product_of
from .resources import Artifact, Product, new_id

logger = logging.getLogger(__name__)

# The time from request to message, seen on AWS: the time in an artifact's key, compared with SentTimestamp.
_SECONDS_BEFORE_SENDING = 2.0


@operation
def provision_product(call: Call) -> Response:
    """See the API reference: ProvisionProduct.

    Raises:
        InvalidParametersError: the name is taken, the version is deprecated, there is no launch constraint,
            or the request has a parameter that EXTERNAL products do not have.
        ResourceNotFoundError: the caller has no path to the product, or the version is inactive.
    """
    product = product_of(call)
    path = path_for_launch(call, product)
    artifact = offered(product, artifact_of(call, product))
    if artifact.guidance == "DEPRECATED":
        raise InvalidParametersError(
            f"Provisioning artifact {artifact.id} is deprecated: launch another version."
        )
    _refuse_stack_features(call, "NotificationArns", "ProvisioningPreferences")
    parameters = _given(call)
    tags = _tags(call, product, path)
    with call.state.lock:
        provisioned = _new(call, product, artifact, path, tags)
        call.state.provisioned_products[provisioned.id] = provisioned
        record = _new_record(call, "PROVISION_PRODUCT", provisioned, artifact.id, parameters)
    _start(call, record, lambda: describe_inputs(record, product, artifact))
    return {"RecordDetail": record.detail()}


def _new(
    call: Call,
    product: Product,
    artifact: Artifact,
    path: LaunchPath,
    tags: dict[str, str],
) -> ProvisionedProduct:
    name = call["ProvisionedProductName"]
    if name in {each.name for each in call.state.provisioned_products.values()}:
        raise InvalidParametersError(f"A provisioned product named {name} already exists.")
    role_arn = path.launch_role_arn
    if role_arn is None:
        raise InvalidParametersError(
            "EXTERNAL provisioning artifacts only support provisioning with launch roles specified using "
            "launch constraints."
        )
    provisioned_product_id = new_id("pp")
    return ProvisionedProduct(
        arn=f"arn:aws:servicecatalog:{REGION}:{ACCOUNT_ID}:stack/{name}/{provisioned_product_id}",
        id=provisioned_product_id,
        name=name,
        product_id=product.id,
        artifact_id=artifact.id,
        path_id=path.id,
        launch_role_arn=role_arn,
        tags=tags,
        principal=call.caller.unique_id,
        user_arn=call.caller.arn,
        session_arn=call.caller.session_arn,
        token=call["ProvisionToken"],
    )


def _given(call: Call) -> dict[str, str | None]:
    """Return the request's parameters. None stands for UsePreviousValue, which the engine resolves."""
    given: dict[str, str | None] = {}
    for parameter in call.get("ProvisioningParameters", []):
        key = parameter.get("Key")
        if key is None or key in given:
            raise InvalidParametersError(f"Provisioning parameter without a key, or twice: {key}")
        given[key] = None if parameter.get("UsePreviousValue") else parameter.get("Value")
        if given[key] is None and not parameter.get("UsePreviousValue"):
            raise InvalidParametersError(f"Provisioning parameter {key} has no value.")
    return given


def _refuse_stack_features(call: Call, *names: str) -> None:
    if used := [name for name in names if call.get(name)]:
        raise InvalidParametersError(f"{', '.join(used)}: not supported for Product type EXTERNAL.")


def _tags(call: Call, product: Product, path: LaunchPath) -> dict[str, str]:
    """Return the tags of a launch: the caller's, completed and checked by the path's TagOptions."""
    tags = call.tags()
    for key, values in call.state.tag_choices(path.portfolio, product).items():
        if key not in tags and len(values) > 1:
            raise InvalidParametersError(
                f"Tag {key} is required, with one of these values: {', '.join(values)}"
            )
        if tags.setdefault(key, values[0]) not in values:
            raise InvalidParametersError(f"Tag {key} must have one of these values: {', '.join(values)}")
    if len(tags) > 50:
        raise InvalidParametersError("A provisioned product can have 50 tags at most.")
    return tags


@operation
def update_provisioned_product(call: Call) -> Response:
    """See the API reference: UpdateProvisionedProduct.

    Raises:
        ValidationError: the provisioned product is under change, or in ERROR.
        InvalidParametersError: the version is deprecated and older than the present one, or something is
            asked for that EXTERNAL products do not have.
        ResourceNotFoundError: the version is not active.
    """
    _refuse_stack_features(call, "Tags", "ProvisioningPreferences")
    provisioned = find_provisioned_product(
        call, call.get("ProvisionedProductId"), call.get("ProvisionedProductName")
    )
    product = _same_product(call, provisioned)
    artifact = _target(call, product, provisioned)
    parameters = _given(call)
    with call.state.lock:
        _claim(provisioned, "update", "AVAILABLE", "TAINTED")
        record = _new_record(call, "UPDATE_PROVISIONED_PRODUCT", provisioned, artifact.id, parameters)
    _start(call, record, lambda: describe_inputs(record, product, artifact))
    return {"RecordDetail": record.detail()}


def _same_product(call: Call, provisioned: ProvisionedProduct) -> Product:
    named = {"ProductId", "ProductName"} & call.params.keys()
    product = product_of(call) if named else call.state.product(provisioned.product_id)
    path_for_launch(call, product)  # a user who lost access to the product may not update
    if product.id != provisioned.product_id:
        raise InvalidParametersError(f"{provisioned.id} was launched from another product than {product.id}.")
    return product


def _target(call: Call, product: Product, provisioned: ProvisionedProduct) -> Artifact:
    named = {"ProvisioningArtifactId", "ProvisioningArtifactName"} & call.params.keys()
    target = artifact_of(call, product) if named else call.state.artifact(product, provisioned.artifact_id)
    offered(product, target)
    order = [artifact.id for artifact in product.artifacts]
    older = provisioned.artifact_id in order and order.index(target.id) < order.index(provisioned.artifact_id)
    if target.guidance == "DEPRECATED" and older:
        raise InvalidParametersError(
            f"Provisioning artifact {target.id} is deprecated: choose a newer version."
        )
    return target


@operation
def terminate_provisioned_product(call: Call) -> Response:
    """See the API reference: TerminateProvisionedProduct. The engine never hears of IgnoreErrors.

    Raises:
        ValidationError: the provisioned product is under change.
    """
    _refuse_stack_features(call, "RetainPhysicalResources")
    provisioned = find_provisioned_product(
        call, call.get("ProvisionedProductId"), call.get("ProvisionedProductName")
    )
    with call.state.lock:
        _claim(provisioned, "terminate", "AVAILABLE", "TAINTED", "ERROR")
        record = _new_record(call, "TERMINATE_PROVISIONED_PRODUCT", provisioned, provisioned.artifact_id, {})
    _start(call, record, dict)
    return {"RecordDetail": record.detail()}


def find_provisioned_product(call: Call, product_id: str | None, name: str | None) -> ProvisionedProduct:
    """Return the provisioned product with this id, or with this name or ARN.

    Raises:
        InvalidParametersError: the request has both, or neither.
        ResourceNotFoundError: it does not exist, or no longer.
    """
    if (product_id is None) == (name is None):
        raise InvalidParametersError(
            "Specify the provisioned product by either its name or its ID, not by both."
        )
    for provisioned in list(call.state.provisioned_products.values()):  # a copy: other threads add to it
        if product_id == provisioned.id or name in (provisioned.name, provisioned.arn):
            return provisioned
    raise ResourceNotFoundError(f"Provisioned product {product_id or name} not found.")


def _claim(provisioned: ProvisionedProduct, verb: str, *statuses: str) -> None:
    if provisioned.status not in statuses:
        raise ValidationError(
            f"Can't {verb} provisioned product because it's still under change or its status does not allow "
            "further operation"
        )
    provisioned.status = "UNDER_CHANGE"
    provisioned.status_message = None


def _new_record(
    call: Call,
    record_type: RecordType,
    provisioned: ProvisionedProduct,
    artifact_id: str,
    parameters: dict[str, str | None],
) -> Record:
    record = Record(
        type=record_type,
        provisioned_product=provisioned,
        product_id=provisioned.product_id,
        artifact_id=artifact_id,
        parameters=parameters,
        user_arn=call.caller.arn,
        session_arn=call.caller.session_arn,
        workflow_token=str(uuid.uuid4()),
    )
    call.state.records[record.id] = record
    provisioned.last_record_id = record.id
    if record_type != "TERMINATE_PROVISIONED_PRODUCT":
        provisioned.last_provisioning_record_id = record.id
    return record


def _start(call: Call, record: Record, inputs: Callable[[], dict[str, Any]]) -> None:
    """Send the operation in a thread; the caller gets the record at once."""
    clock = call.service.clock

    def work() -> None:
        clock.sleep(_SECONDS_BEFORE_SENDING)
        if clock.stopping.is_set():
            return
        record.set_status("IN_PROGRESS")
        try:
            send(describe_operation(record) | inputs())
        except EngineUnreachableError as error:
            # As on AWS, no error goes to anybody, and the operation never ends.
            logger.warning(
                "%s of %s does not reach an engine: %s", record.type, record.provisioned_product.id, error
            )
        except Exception:
            logger.exception("%s of %s could not be sent", record.type, record.provisioned_product.id)

    Thread(target=work, name=f"service-catalog-{record.id}", daemon=True).start()


def _refused(name: str) -> None:
    def refuse(_: Call) -> Response:
        raise InvalidParametersError(f"{name}: not supported for Product type EXTERNAL.")

    refuse.__name__ = name
    operation(refuse)


for _name in (
    "create_provisioned_product_plan",
    "execute_provisioned_product_service_action",
    "describe_service_action_execution_parameters",
    "list_stack_instances_for_provisioned_product",
):
    _refused(_name)


@operation
def update_provisioned_product_properties(_: Call) -> Response:
    """Refuse: AWS does not document what it does to an EXTERNAL provisioned product."""
    raise NotEmulatedError("The local cloud does not emulate UpdateProvisionedProductProperties.")
