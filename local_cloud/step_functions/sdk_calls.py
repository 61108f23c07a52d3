"""Calls of AWS services by states: errors under Step Functions' names, times as text; moto has botocore's.

Errors are named as in the AWS SDK for Java 2 ("Calling AWS service APIs", Step Functions guide): shape
DBInstanceNotFoundFault of service RDS is `Rds.DbInstanceNotFoundException`.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from moto.core.utils import get_service_model
from moto.stepfunctions.parser.api import HistoryEventType, LambdaFunctionFailedEventDetails
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_aws_sdk import (
    StateTaskServiceAwsSdk,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.state_task_lambda import StateTaskLambda
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails

from ..world import World


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

    def lambda_error(self: StateTaskLambda, env: Environment, ex: Exception) -> FailureEvent:
        name = _lambda_error(ex)
        if name is None:
            unchanged: FailureEvent = original_lambda(self, env=env, ex=ex)
            return unchanged
        details = LambdaFunctionFailedEventDetails(error=name, cause=str(ex))
        return FailureEvent(
            env=env,
            error_name=CustomErrorName(name),
            event_type=HistoryEventType.LambdaFunctionFailed,
            event_details=EventDetails(lambdaFunctionFailedEventDetails=details),  # type: ignore[typeddict-item]
        )

    original_lambda = world.patch(StateTaskLambda, "_from_error", lambda_error)
    original = world.patch(StateTaskServiceAwsSdk, "_eval_service_task", call)
    world.patch(StateTaskServiceAwsSdk, "_normalise_service_error_name", staticmethod(service_name))
    world.patch(StateTaskServiceAwsSdk, "_normalise_exception_name", staticmethod(exception_name))


def _lambda_error(error: Exception) -> str | None:
    """Return what Step Functions calls a failure to invoke a function, None if the function itself failed."""
    if isinstance(error, ClientError):
        shapes = get_service_model("lambda").operation_model("Invoke").error_shapes
        code = error.response["Error"]["Code"]
        return f"Lambda.{code if code in {shape.name for shape in shapes} else 'AWSLambdaException'}"
    return "Lambda.SdkClientException" if isinstance(error, BotoCoreError) else None


def _text(value: object) -> str:
    if not isinstance(value, datetime):
        raise NotImplementedError(f"a {type(value).__name__} in the answer to an AWS SDK integration")
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _pascal_case(name: str) -> str:
    """Join the words of a name as the SDK for Java does: an acronym is a word like any other."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z][A-Za-z0-9])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    return "".join(word.capitalize() for word in words.split())
