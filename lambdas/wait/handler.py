"""State "Wait for stack". It polls by its Retry."""

from __future__ import annotations

from typing import Any

import msgspec
from aws_lambda_powertools.utilities.typing import LambdaContext
from engine.entry_point import CLIENT_CONFIG, entry_point
from engine.launch_role import assume, sts
from engine.models import WaitRequest
from engine.record import confirmed_session

from wait.database import with_modified_settings
from wait.progress import when_finished


@entry_point
def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Return the stack's outputs and changes, or raise until the stack operation has ended."""
    request = msgspec.convert(event, WaitRequest)
    session = assume(sts(), request.read_message().launch_role_arn, request.record_id)
    cloudformation = session.client("cloudformation", config=CLIENT_CONFIG)
    finished = when_finished(cloudformation, request, lambda: confirmed_session(request, context))
    return with_modified_settings(
        lambda: session.client("rds", config=CLIENT_CONFIG), request, finished
    ).to_json()
