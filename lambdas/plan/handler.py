"""State "Plan changes"."""

from __future__ import annotations

import os
from typing import Any

import msgspec
from aws_lambda_powertools.utilities.typing import LambdaContext
from engine.account import Account
from engine.entry_point import CLIENT_CONFIG, entry_point
from engine.launch_role import assume, sts
from engine.models import PlanRequest

from plan.changes import plan
from plan.deletion import plan_deletion


@entry_point
def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Return the stack, the change set to execute, if any, and its changes."""
    request = msgspec.convert(event, PlanRequest)
    session = assume(sts(), request.read_message().launch_role_arn, request.record_id)
    if request.kind == "TERMINATE":
        return plan_deletion(Account.of(session), request).to_json()
    planned = plan(
        session.client("cloudformation", config=CLIENT_CONFIG),
        lambda: session.client("rds", config=CLIENT_CONFIG),
        request,
        os.environ["EXECUTION_ROLE_NAME"],
    )
    return planned.to_json()
