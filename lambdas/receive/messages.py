"""From a queue message to an execution of the state machine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from engine.entry_point import logger
from engine.models import Answerable
from engine.operation import KINDS, execution_name
from engine.wire import NonEmpty, read

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


class Envelope(Answerable, frozen=True):
    """The fields without which nobody can answer a message's operation."""

    provisioned_product_id: NonEmpty


def start(sfn: SFNClient, state_machine_arn: str, queue_arn: str, body: str) -> None:
    """Start the execution for a message. A message that is delivered twice starts one execution.

    Raises:
        KeyError: the message is from a foreign queue.
        ValueError: the body is not JSON.
        MalformedError: it lacks the token, the record id or the provisioned product id.
    """
    kind = KINDS[queue_arn.rsplit(":", 1)[-1]]
    message: dict[str, Any] = json.loads(body)
    envelope = read(message, Envelope)
    logger.set_correlation_id(envelope.record_id)
    operation = {
        "kind": kind,
        "token": envelope.token,
        "recordId": envelope.record_id,
        "provisionedProductId": envelope.provisioned_product_id,
        "message": {key: value for key, value in message.items() if key != "token"},
    }
    name = execution_name(envelope.provisioned_product_id, envelope.record_id)
    try:
        sfn.start_execution(stateMachineArn=state_machine_arn, name=name, input=json.dumps(operation))
    except sfn.exceptions.ExecutionAlreadyExists:
        logger.info("Message came again", extra={"kind": kind})
    else:
        logger.info("Operation started", extra={"kind": kind})
