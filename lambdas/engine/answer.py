"""The answer to an operation, as Service Catalog takes it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from engine.models import TRACER_TAG, Kind, Output
from engine.wording import LONGEST_REASON, cut

if TYPE_CHECKING:
    from mypy_boto3_servicecatalog import ServiceCatalogClient

# The Notify*EngineWorkflowResult API limits descriptions. It has no limit for values; this one is ours.
_LONGEST_DESCRIPTION = 1024
_LONGEST_VALUE = 4096


def notify(
    servicecatalog: ServiceCatalogClient,
    kind: Kind,
    token: str,
    record_id: str,
    provisioned_product_id: str | None,
    *,
    failure: str | None = None,
    outputs: list[Output] | None = None,
) -> None:
    """Tell Service Catalog that an operation has succeeded, or, with `failure`, why it has failed.

    The idempotency token is made from the record id and the outcome, so a repeated call is the same answer.
    """
    status = "FAILED" if failure is not None else "SUCCEEDED"
    result: dict[str, Any] = {
        "WorkflowToken": token,
        "RecordId": record_id,
        "Status": status,
        "IdempotencyToken": f"{record_id}-{status}",
    }
    if failure is not None:
        result["FailureReason"] = presentable(failure)
    elif kind != "TERMINATE":
        result["Outputs"] = [_output(output) for output in outputs or []]
    if kind == "PROVISION":
        # Both outcomes need it: Service Catalog rejects a success without it, and shows "Internal failure."
        # in place of the reason for a failure.
        if provisioned_product_id:
            result["ResourceIdentifier"] = {"UniqueTag": {"Key": TRACER_TAG, "Value": provisioned_product_id}}
        servicecatalog.notify_provision_product_engine_workflow_result(**result)
    elif kind == "UPDATE":
        servicecatalog.notify_update_provisioned_product_engine_workflow_result(**result)
    else:
        servicecatalog.notify_terminate_provisioned_product_engine_workflow_result(**result)


def presentable(reason: str) -> str:
    """Return a reason that Service Catalog takes: 1 to 2048 characters, no control characters, no emoji."""
    without_colors = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", reason)
    legal = re.sub(r"[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD]", "", without_colors).strip()
    return cut(legal, LONGEST_REASON) or "The operation failed without a reason."


def _output(output: Output) -> dict[str, str]:
    wire = {"OutputKey": output.key, "OutputValue": cut(output.value, _LONGEST_VALUE)}
    if output.description:
        wire["Description"] = cut(output.description, _LONGEST_DESCRIPTION)
    return wire
