"""AWS SDK integrations: errors under the names of Step Functions, times as text; moto has botocore's.

Errors are named as in the AWS SDK for Java 2 ("Calling AWS service APIs", Step Functions guide): shape
DBInstanceNotFoundFault of service RDS is `Rds.DbInstanceNotFoundException`.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

from moto.core.utils import get_service_model
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_aws_sdk import (
    StateTaskServiceAwsSdk,
)
from moto.stepfunctions.parser.asl.eval.environment import Environment

from .world import World


def install(world: World) -> None:
    """Answer states that call AWS services as Step Functions does."""

    def service_name(name: str) -> str:
        known = StateTaskServiceAwsSdk._SERVICE_NAME_SFN_TO_BOTO_OVERRIDES
        return _pascal_case(get_service_model(known.get(name, name)).service_id)

    def exception_name(service: str, error: Exception) -> str:
        shape = type(error).__name__
        # botocore's own class stands for a code that the service's model lacks.
        name = service if shape == "ClientError" else _pascal_case(shape.removesuffix("Fault"))
        return f"{service}.{name.removesuffix('Exception')}Exception"

    def call(self: StateTaskServiceAwsSdk, env: Environment, *arguments: Any, **named: Any) -> None:
        original(self, env, *arguments, **named)
        env.stack.append(json.loads(json.dumps(env.stack.pop(), default=_text)))

    original = world.patch(StateTaskServiceAwsSdk, "_eval_service_task", call)
    world.patch(StateTaskServiceAwsSdk, "_normalise_service_error_name", staticmethod(service_name))
    world.patch(StateTaskServiceAwsSdk, "_normalise_exception_name", staticmethod(exception_name))


def _text(value: object) -> str:
    if not isinstance(value, datetime):
        raise NotImplementedError(f"a {type(value).__name__} in the answer to an AWS SDK integration")
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _pascal_case(name: str) -> str:
    """Join the words of a name as the SDK for Java does: an acronym is a word like any other."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z][A-Za-z0-9])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    return "".join(word.capitalize() for word in words.split())
