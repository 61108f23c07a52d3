"""Task states: they act as the execution's role, and give errors and times the form of Step Functions.

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
from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.asl.component.state.exec.state_task.credentials import StateCredentials
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service_events,
    state_task_service_sns,
    state_task_service_sqs,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.resource import (
    LambdaResource,
    Resource,
    ResourceRuntimePart,
    ServiceResource,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_aws_sdk import (
    StateTaskServiceAwsSdk,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.state_task import StateTask
from moto.stepfunctions.parser.asl.component.state.exec.state_task.state_task_lambda import StateTaskLambda
from moto.stepfunctions.parser.asl.eval.environment import Environment

from ..moto_seam import Local, patch

# moto's optimized integrations, each with its own client. LocalSdkTask is the integration aws-sdk.
SERVICES = {
    "lambda": lambda_eval_utils,
    "sqs": state_task_service_sqs,
    "sns": state_task_service_sns,
    "events": state_task_service_events,
}


class ExecutionRole(str):
    """The ARN of the role that an execution acts as.

    Attributes:
        machine_arn: the state machine; trust policies see it as aws:SourceArn.
    """

    machine_arn: str


def task_for(resource: Resource | None) -> StateTask | None:
    """Return our Task state for `resource`, or None if moto's is right."""
    kind: Any = None  # the constructors of moto's states have no types
    if isinstance(resource, LambdaResource):
        kind = LocalLambdaTask
    elif isinstance(resource, ServiceResource) and resource.service_name == "aws-sdk":
        kind = LocalSdkTask
    task: StateTask | None = kind() if kind else None
    return task


class LocalSdkTask(StateTaskServiceAwsSdk):
    """A call of any AWS service."""

    @staticmethod
    def _normalise_service_error_name(service_name: str) -> str:
        known = StateTaskServiceAwsSdk._SERVICE_NAME_SFN_TO_BOTO_OVERRIDES
        return _pascal_case(get_service_model(known.get(service_name, service_name)).service_id)

    @staticmethod
    def _normalise_exception_name(norm_service_name: str, ex: Exception) -> str:
        shape = type(ex).__name__
        # botocore raises its own class for a code that the service's model lacks.
        name = norm_service_name if shape == "ClientError" else _pascal_case(shape.removesuffix("Fault"))
        return f"{norm_service_name}.{name.removesuffix('Exception')}Exception"

    def _eval_service_task(
        self,
        env: Environment,
        resource_runtime_part: ResourceRuntimePart,  # noqa: ARG002 - there is one region
        normalised_parameters: dict[str, Any],
        state_credentials: StateCredentials,
    ) -> None:
        client = _client(self._get_boto_service_name(), state_credentials)
        answer = getattr(client, self._get_boto_service_action())(**normalised_parameters)
        answer.pop("ResponseMetadata", None)
        env.stack.append(json.loads(json.dumps(answer, default=_text)))


class LocalLambdaTask(StateTaskLambda):
    """An invocation of a function whose ARN is the Resource of the state."""

    def _from_error(self, env: Environment, ex: Exception) -> FailureEvent:
        name = _lambda_error(ex)
        if name is None:
            return super()._from_error(env, ex)
        details: Any = {"lambdaFunctionFailedEventDetails": {"error": name, "cause": str(ex)}}
        return FailureEvent(env, CustomErrorName(name), HistoryEventType.LambdaFunctionFailed, details)


def _client(service: str, credentials: StateCredentials) -> Any:
    role = credentials.role_arn
    assert isinstance(role, ExecutionRole), "definitions with Credentials are refused"
    return Local.identity.client(service, role, "StepFunctions", "states.amazonaws.com", role.machine_arn)


def _client_for(_: Any, region: str, service: str, state_credentials: StateCredentials) -> Any:  # noqa: ARG001
    return _client(service, state_credentials)


for _module in SERVICES.values():
    patch(_module, "boto_client_for")(_client_for)


def _lambda_error(error: Exception) -> str | None:
    """Return Step Functions' name of a failure to invoke a function; None if the function itself failed."""
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
    """Write a name as the SDK for Java does: an acronym is a word like any other."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z][A-Za-z0-9])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    return "".join(word.capitalize() for word in words.split())
