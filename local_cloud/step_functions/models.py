"""Step Functions' state machines and executions."""

from __future__ import annotations

import contextlib
import json
import logging
import uuid
from datetime import UTC, datetime
from typing import Any

from moto.core.exceptions import ServiceException
from moto.stepfunctions.exceptions import ExecutionAlreadyExists, InvalidExecutionInput
from moto.stepfunctions.models import StateMachine, stepfunctions_backends
from moto.stepfunctions.parser.api import ExecutionStatus
from moto.stepfunctions.parser.models import StepFunctionsParserBackend

from ..account import ACCOUNT_ID, REGION
from ..moto_seam import Local, running
from .execution import LocalExecution
from .reports import publish
from .validation import check_definition, check_logging, check_name, check_role

INPUT_BYTES = 262_144

# moto logs a state's error as its own, with payloads. The execution's history has it anyway.
logging.getLogger("moto.stepfunctions").setLevel(logging.CRITICAL)


class Unsupported(ServiceException):
    """The request is valid on AWS, and the local cloud does not emulate it."""

    code = "ValidationException"


class LocalStepFunctions(Local, StepFunctionsParserBackend):
    """Step Functions. It runs state machines in the cloud's time, with their roles."""

    def create_state_machine(
        self,
        name: str,
        definition: str,
        roleArn: str,  # noqa: N803 - moto's name
        tags: list[dict[str, str]] | None = None,
        publish: bool | None = None,
        loggingConfiguration: Any = None,  # noqa: N803
        tracingConfiguration: Any = None,  # noqa: N803
        encryptionConfiguration: Any = None,  # noqa: N803
        version_description: str | None = None,
        sm_type: str | None = None,
    ) -> StateMachine:
        """Create a state machine, if it can run."""
        if sm_type == "EXPRESS":
            raise Unsupported("The local cloud does not run EXPRESS state machines.")
        check_name(name)
        check_role(roleArn, f"arn:aws:states:{REGION}:{ACCOUNT_ID}:stateMachine:{name}")
        check_definition(definition)
        check_logging(roleArn, loggingConfiguration)
        # Skips the parser's backend, which would parse the definition again.
        return super(StepFunctionsParserBackend, self).create_state_machine(
            name,
            definition,
            roleArn,
            tags,
            publish,
            loggingConfiguration,
            tracingConfiguration,
            encryptionConfiguration,
            version_description,
            sm_type,
        )

    def update_state_machine(
        self,
        arn: str,
        definition: Any = None,
        role_arn: Any = None,
        logging_configuration: Any = None,
        tracing_configuration: Any = None,
        encryption_configuration: Any = None,
        publish: bool | None = None,
        version_description: Any = None,
    ) -> StateMachine:
        """Change a state machine, if it can still run then."""
        machine = self.describe_state_machine(arn)
        role = role_arn or machine.roleArn
        check_role(role, arn)
        check_logging(role, logging_configuration or machine.loggingConfiguration)
        return super().update_state_machine(
            arn,
            definition,
            role_arn,
            logging_configuration,
            tracing_configuration,
            encryption_configuration,
            publish,
            version_description,
        )

    @staticmethod
    def _validate_definition(definition: str) -> None:
        check_definition(definition)

    def start_execution(
        self,
        state_machine_arn: str,
        name: str | None = None,
        execution_input: str | None = None,
        trace_header: str | None = None,  # noqa: ARG002 - the local cloud has no traces
    ) -> Any:
        """Start an execution, or return the running one with the same name and input.

        The result is a LocalExecution. The types of executions in moto's two backends are unrelated.

        Raises:
            InvalidName: Step Functions does not allow the name.
            InvalidExecutionInput: the input is not JSON, or is longer than INPUT_BYTES.
            ExecutionAlreadyExists: an execution with this name has another input, or has ended.
        """
        machine = self.describe_state_machine(state_machine_arn)
        name, text = name or str(uuid.uuid4()), execution_input or "{}"
        check_name(name)
        _check_input(text)
        for earlier in executions_of(machine):
            if earlier.name == name:
                if earlier.status == "RUNNING" and earlier.execution_input == text:
                    return earlier
                raise ExecutionAlreadyExists(f"Execution Already Exists: '{earlier.execution_arn}'")
        execution = LocalExecution(machine, name, text)
        execution.exec_status = ExecutionStatus.RUNNING
        started: list[Any] = machine.executions  # moto's type is that of its backend that runs nothing
        started.append(execution)
        publish(execution)
        execution.start()
        return execution

    def find_execution(self, execution_arn: str) -> LocalExecution:
        """Return an execution of the running cloud.

        Raises:
            ExecutionDoesNotExist: no execution has this ARN.
        """
        found: Any = self.describe_execution(execution_arn)
        assert isinstance(found, LocalExecution)
        return found

    def stop(self) -> None:
        """End every execution."""
        for machine in self.state_machines:
            for execution in executions_of(machine):
                if execution.status == "RUNNING":
                    with contextlib.suppress(AttributeError):  # its thread has not made an environment yet
                        execution.stop(datetime.now(UTC), None, "the cloud was stopped")


def _check_input(text: str) -> None:
    try:
        json.loads(text)
    except ValueError as error:
        raise InvalidExecutionInput(f"Invalid State Machine Execution Input: '{error}'") from None
    if len(text.encode()) > INPUT_BYTES:
        raise InvalidExecutionInput(f"Invalid State Machine Execution Input: longer than {INPUT_BYTES} bytes")


def executions_of(machine: StateMachine) -> list[LocalExecution]:
    """Return the executions of a state machine, oldest first."""
    executions: list[Any] = machine.executions
    return executions


def backend() -> LocalStepFunctions:
    """Return the Step Functions of the running local cloud."""
    return running(stepfunctions_backends, LocalStepFunctions)


def seconds_used(execution_arn: str) -> float:
    """Return how long an execution has run, in AWS seconds. Its timestamps are in real time."""
    return backend().find_execution(execution_arn).seconds_used()
