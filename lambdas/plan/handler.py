"""State "Plan changes"."""

from __future__ import annotations

import os
from typing import Any

import msgspec
from aws_lambda_powertools.utilities.typing import LambdaContext
from engine.account import Account
from engine.entry_point import CLIENT_CONFIG, entry_point
from engine.models import PlanRequest
from engine.record import confirmed_session

from plan.changes import plan
from plan.deletion import plan_deletion


@entry_point
def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Return the stack and, if there is something to change, the change set and its changes."""
    request = msgspec.convert(event, PlanRequest)
    session = confirmed_session(request, context)
    if request.kind == "TERMINATE":
        return plan_deletion(Account.of(session), request).to_json()
    planned = plan(
        session.client("cloudformation", config=CLIENT_CONFIG),
        lambda: session.client("rds", config=CLIENT_CONFIG),
        request,
        os.environ["EXECUTION_ROLE_NAME"],
    )
    return planned.to_json()
