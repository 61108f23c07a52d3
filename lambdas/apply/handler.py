"""State "Apply changes"."""

from __future__ import annotations

from typing import Any

import msgspec
from aws_lambda_powertools.utilities.typing import LambdaContext
from engine.entry_point import CLIENT_CONFIG, entry_point
from engine.launch_role import assume, sts
from engine.models import ApplyRequest

from apply.changes import apply


@entry_point
def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Start the stack operation."""
    request = msgspec.convert(event, ApplyRequest)
    session = assume(sts(), request.read_message().launch_role_arn, request.record_id)
    apply(session.client("cloudformation", config=CLIENT_CONFIG), request)
    return {}
