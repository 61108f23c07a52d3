"""Invoke: who may invoke a function, with which payload, and what Lambda answers."""

from __future__ import annotations

import base64
import json
import uuid
from typing import Any

from moto.core.exceptions import JsonRESTError

from ..iam.policies import Caller, identity_allows, resource_grants
from ..iam.trust import caller_of
from . import asynchronous
from .environments import Environments
from .functions import LocalFunction

# "Lambda quotas": Invocation payload (request and response), synchronous and asynchronous.
SYNCHRONOUS_BYTES = 6 * 1024 * 1024 + 100
ASYNCHRONOUS_BYTES = 1024 * 1024


class AccessDenied(JsonRESTError):  # noqa: N818 - named as the service names it
    """No policy lets the caller invoke the function."""

    code = 403

    def __init__(self, caller: Caller, action: str, resource: str) -> None:
        who = caller.session_arn or caller.service
        super().__init__(
            "AccessDeniedException",
            f"User: {who} is not authorized to perform: {action} on resource: {resource}",
        )


def invoke(
    environments: Environments,
    function: LocalFunction,
    body: str | bytes,
    headers: Any,
    response_headers: dict[str, str],
) -> str | bytes:
    """Run a function, or accept an event for it, as the request's X-Amz-Invocation-Type says.

    Args:
        environments: run the function.
        function: the function.
        body: its payload, JSON; empty for {}.
        headers: those of the request.
        response_headers: receives those of the answer.

    Raises:
        AccessDenied: no policy lets the caller in.
        TooManyRequests: the concurrency of the function or of the account is used up.
        moto.core.exceptions.JsonRESTError: the payload is too large, or is not JSON.
    """
    payload = (body.decode() if isinstance(body, bytes) else body) or "{}"
    _check_caller(function, caller_of(headers.get("Authorization", "")))
    kind = headers.get("X-Amz-Invocation-Type") or "RequestResponse"
    _check_payload(payload, SYNCHRONOUS_BYTES if kind == "RequestResponse" else ASYNCHRONOUS_BYTES)
    if kind == "DryRun":
        return ""
    if kind == "Event":
        asynchronous.send(environments, function, str(uuid.uuid4()), payload)
        return ""
    answer = environments.invoke(function, payload)
    response_headers["x-amz-executed-version"] = str(function.version)
    response_headers["x-amz-log-result"] = base64.b64encode(answer.output.encode()[-4096:]).decode()
    if answer.error is not None:
        response_headers["x-amz-function-error"] = "Unhandled"
        return json.dumps(answer.error).encode()
    return (answer.result or "null").encode()


def _check_caller(function: LocalFunction, caller: Caller) -> None:
    """Check that the role's policies, or the function's own, let the caller invoke it."""
    arn, action = function.function_arn, "lambda:InvokeFunction"
    if not (caller.service or ":role/" in caller.arn):
        return
    by_function = resource_grants({"Statement": function.policy.statements}, action, arn, caller)
    if not by_function and (caller.service or not identity_allows(caller.arn, action, arn, caller)):
        raise AccessDenied(caller, action, arn)


def _check_payload(payload: str, most: int) -> None:
    if len(payload.encode()) > most:
        error = JsonRESTError(
            "RequestTooLargeException",
            f"Request must be smaller than {most} bytes for the InvokeFunction operation",
        )
        error.code = 413
        raise error
    try:
        json.loads(payload)
    except ValueError as error:
        raise JsonRESTError(
            "InvalidRequestContentException", f"Could not parse request body into json: {error}"
        ) from None
