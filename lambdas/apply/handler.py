"""State "Apply changes"."""

from __future__ import annotations

from typing import Any

import msgspec
from aws_lambda_powertools.utilities.typing import LambdaContext
from engine.entry_point import CLIENT_CONFIG, entry_point
from engine.models import ApplyRequest
from engine.record import confirmed_session

from apply.changes import apply


@entry_point
def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Start the stack operation."""
    request = msgspec.convert(event, ApplyRequest)
    session = confirmed_session(request, context)
    apply(session.client("cloudformation", config=CLIENT_CONFIG), request)
    return {}
