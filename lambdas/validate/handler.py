"""State "Validate inputs"."""

from __future__ import annotations

from typing import Any

import boto3
from aws_lambda_powertools.utilities.parser import parse
from aws_lambda_powertools.utilities.typing import LambdaContext
from engine.account import Account
from engine.entry_point import CLIENT_CONFIG, entry_point
from engine.launch_role import assume
from engine.models import Request

from validate.inputs import validate

sts = boto3.client("sts", config=CLIENT_CONFIG)


@entry_point
def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Return the value of every parameter, or refuse the inputs."""
    request = parse(event=event, model=Request)
    session = assume(sts, request.read_message().launch_role_arn, request.record_id)
    return {"parameters": validate(Account.of(session), request)}
