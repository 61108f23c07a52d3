"""State "Validate inputs"."""

from __future__ import annotations

import os
from typing import Any

import msgspec
from aws_lambda_powertools.utilities.typing import LambdaContext
from engine.account import Account
from engine.entry_point import entry_point
from engine.models import Request
from engine.record import confirmed_session

from validate.inputs import validate


@entry_point
def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Return the values of all parameters and the version of PostgreSQL, or refuse the inputs."""
    request = msgspec.convert(event, Request)
    session = confirmed_session(request, context)
    versions = (each.split("=") for each in os.environ["RELEASED"].split(","))
    released = {digest: version for version, digest in versions}
    return validate(Account.of(session), request, released).to_json()
