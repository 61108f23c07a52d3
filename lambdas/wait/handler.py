"""State "Wait for stack"; its Retry is the polling."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from engine.entry_point import CLIENT_CONFIG, entry_point
from engine.launch_role import assume, sts
from engine.models import StackRequest

from wait.progress import outputs_when_done


@entry_point
def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Return the stack's outputs, or raise until there are some."""
    request = StackRequest.model_validate(event)
    session = assume(sts(), request.read_message().launch_role_arn, request.record_id)
    outputs = outputs_when_done(session.client("cloudformation", config=CLIENT_CONFIG), request)
    return {"outputs": [output.to_json() for output in outputs]}
