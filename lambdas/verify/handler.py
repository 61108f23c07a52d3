"""State "Verify promises"."""

from __future__ import annotations

from typing import Any

import msgspec
from aws_lambda_powertools.utilities.typing import LambdaContext
from engine.entry_point import CLIENT_CONFIG, entry_point
from engine.launch_role import assume, sts
from engine.models import VerifyRequest

from verify.promises import check


@entry_point
def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Raise if the stack breaks a promise."""
    request = msgspec.convert(event, VerifyRequest)
    session = assume(sts(), request.read_message().launch_role_arn, request.record_id)
    check(
        session.client("cloudformation", config=CLIENT_CONFIG),
        session.client("rds", config=CLIENT_CONFIG),
        session.client("cloudwatch", config=CLIENT_CONFIG),
        request.stack_id or request.stack_name,
        request.engine_version,
    )
    return {}
