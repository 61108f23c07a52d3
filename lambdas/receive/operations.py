"""From a queue message to an execution of the state machine."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

from engine.models import Kind, Model, NonEmpty
from pydantic import Field

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

# Service Catalog fixes the names of the queues, and the queue alone tells reliably which operation is meant.
KINDS: dict[str, Kind] = {
    "ServiceCatalogExternalProvisionOperationQueue": "PROVISION",
    "ServiceCatalogExternalUpdateOperationQueue": "UPDATE",
    "ServiceCatalogExternalTerminateOperationQueue": "TERMINATE",
}


class Envelope(Model):
    """The least a message must hold so that its operation can be answered."""

    token: NonEmpty = Field(repr=False)
    record_id: NonEmpty
    provisioned_product_id: NonEmpty


def start(sfn: SFNClient, state_machine_arn: str, queue_arn: str, body: str) -> None:
    """Start the execution for a message; a message delivered twice starts one.

    Raises:
        KeyError: the message is from another queue.
        ValueError: the body is not JSON or lacks token, record or provisioned product (pydantic's error is
            one).
    """
    kind = KINDS[queue_arn.rsplit(":", 1)[-1]]
    message: dict[str, Any] = json.loads(body)
    envelope = Envelope.model_validate(message)
    operation = {
        "kind": kind,
        "token": envelope.token,
        "recordId": envelope.record_id,
        "provisionedProductId": envelope.provisioned_product_id,
        "message": {key: value for key, value in message.items() if key != "token"},
    }
    name = execution_name(f"{envelope.provisioned_product_id}-{envelope.record_id}")
    try:
        sfn.start_execution(stateMachineArn=state_machine_arn, name=name, input=json.dumps(operation))
    except sfn.exceptions.ExecutionAlreadyExists:
        return


def execution_name(name: str) -> str:
    """Return `name`, or its hash where Step Functions would refuse it: StartExecution takes 80 characters."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]{1,80}", name) else hashlib.sha256(name.encode()).hexdigest()
