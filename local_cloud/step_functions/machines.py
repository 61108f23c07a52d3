"""Step Functions: moto's API and interpreter, with the answers, checks and endings of the service."""

from __future__ import annotations

import contextlib
import copy
import json
import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult
from moto.stepfunctions.exceptions import ExecutionAlreadyExists, InvalidExecutionInput, InvalidName
from moto.stepfunctions.parser.api import ExecutionStatus
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.backend.execution import Execution
from moto.stepfunctions.parser.models import StepFunctionsParserBackend, stepfunctions_parser_backends
from moto.stepfunctions.responses import StepFunctionResponse

from ..account import ACCOUNT_ID, REGION
from ..iam import trust
from ..iam.policies import Caller, identity_allows
from ..world import World
from . import interpreter as state_machine_interpreter
from . import jsonata
from . import reports as state_machine_reports
from . import sdk_calls as state_machine_sdk_calls

INPUT_BYTES = 262_144
# "Names" in the API reference of StartExecution.
NAME = re.compile(r"[^\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f\ufffe\uffff]{1,80}")
# "IAM Policies for logging to CloudWatch Logs" in the Step Functions guide.
LOG_DELIVERY = (
    "logs:CreateLogDelivery",
    "logs:GetLogDelivery",
    "logs:UpdateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:DescribeResourcePolicies",
    "logs:DescribeLogGroups",
)


class InvalidDefinition(ServiceException):
    """The Amazon States Language definition cannot be run."""

    code = "InvalidDefinition"


class AccessDenied(ServiceException):
    """The role of the state machine cannot be used for what the state machine is configured to do."""

    code = "AccessDeniedException"


class Unsupported(ServiceException):
    """The request is valid on AWS and not emulated here."""

    code = "ValidationException"


def install(world: World) -> None:
    """Run state machines as on AWS: JSONata, their role, the world's clock, and every ending reported."""
    jsonata.install(world)
    state_machine_sdk_calls.install(world)
    state_machine_interpreter.install(world)
    state_machine_reports.install(world)
    world.at_stop.append(_abort_all)
    # Parsing takes longer than many an execution. What an execution changes is in its environment.
    parse = staticmethod(lru_cache(maxsize=32)(AmazonStateLanguageParser.parse))
    world.patch(AmazonStateLanguageParser, "parse", parse)

    def create(self: StepFunctionsParserBackend, **named: Any) -> Any:
        if named.get("sm_type") == "EXPRESS":
            raise Unsupported("The local cloud does not run EXPRESS state machines.")
        _check_name(named["name"])
        _check_role(named["roleArn"], f"arn:aws:states:{REGION}:{ACCOUNT_ID}:stateMachine:{named['name']}")
        _check_definition(named["definition"])
        _check_logging(named["roleArn"], named.get("loggingConfiguration"))
        return original_create(self, **named)

    def update(self: StepFunctionsParserBackend, arn: str, *positional: Any, **named: Any) -> Any:
        machine = self.describe_state_machine(arn)
        role = named.get("role_arn") or machine.roleArn
        _check_role(role, arn)
        if named.get("definition"):
            _check_definition(named["definition"])
        _check_logging(role, named.get("logging_configuration") or machine.loggingConfiguration)
        return original_update(self, arn, *positional, **named)

    def start_execution(self: StepFunctionResponse) -> ActionResult:
        arguments = (
            self._get_param("stateMachineArn"),
            self._get_param("name"),
            self._get_param("input") or "{}",
        )
        execution = _start(world, self.stepfunction_backend, *arguments)
        return ActionResult({"executionArn": execution.execution_arn, "startDate": execution.start_date})

    original_create = world.patch(StepFunctionsParserBackend, "create_state_machine", create)
    original_update = world.patch(StepFunctionsParserBackend, "update_state_machine", update)
    world.patch(StepFunctionResponse, "start_execution", start_execution)
    world.patch(StepFunctionResponse, "stop_execution", _stop_execution)
    world.patch(StepFunctionResponse, "describe_execution", _describe_execution)
    world.patch(StepFunctionResponse, "list_executions", _list_executions)
    world.patch(StepFunctionResponse, "get_execution_history", _get_execution_history)


def _start(world: World, backend: Any, machine_arn: str, name: str | None, text: str) -> Execution:
    machine = backend.describe_state_machine(machine_arn)
    name = name or str(uuid.uuid4())
    _check_name(name)
    try:
        json.loads(text)
    except ValueError as error:
        raise InvalidExecutionInput(f"Invalid State Machine Execution Input: '{error}'") from None
    if len(text.encode()) > INPUT_BYTES:
        raise InvalidExecutionInput(f"Invalid State Machine Execution Input: longer than {INPUT_BYTES} bytes")
    for earlier in machine.executions:
        if earlier.name == name:
            if earlier.status == "RUNNING" and earlier.execution_input == text:
                return earlier  # type: ignore[no-any-return]
            raise ExecutionAlreadyExists(f"Execution Already Exists: '{earlier.execution_arn}'")
    execution = _new_execution(backend, machine, name, text)
    execution.exec_status = ExecutionStatus.RUNNING
    machine.executions.append(execution)
    state_machine_reports.publish(world, execution)
    execution.start()
    return execution


def _new_execution(backend: Any, machine: Any, name: str, text: str) -> Execution:
    arn = f"arn:aws:states:{REGION}:{ACCOUNT_ID}:execution:{machine.name}:{name}"
    # An execution keeps the definition that it was started with.
    snapshot = copy.copy(machine)
    snapshot.executions = []
    return Execution(
        name=name,
        sm_type=machine.sm_type,
        role_arn=machine.roleArn,
        exec_arn=arn,
        account_id=backend.account_id,
        region_name=backend.region_name,
        state_machine=snapshot,
        start_date=datetime.now(UTC),
        cloud_watch_logging_session=state_machine_reports.logging_session(machine, arn),
        activity_store={},
        input_data=text,
    )


def _stop_execution(self: StepFunctionResponse) -> ActionResult:
    execution: Any = self.stepfunction_backend.describe_execution(self._get_param("executionArn"))
    now = datetime.now(UTC)
    if execution.status == "RUNNING":
        execution.error, execution.cause = self._get_param("error"), self._get_param("cause")
        execution.stop(now, execution.error, execution.cause)
    return ActionResult({"stopDate": execution.stop_date or now})


def _describe_execution(self: StepFunctionResponse) -> ActionResult:
    execution: Any = self.stepfunction_backend.describe_execution(self._get_param("executionArn"))
    shown = _summary(execution) | {
        "input": execution.execution_input,
        "inputDetails": {"included": True},
        "error": execution.error,
        "cause": execution.cause,
    }
    if execution.status == "SUCCEEDED":
        shown |= {
            "output": json.dumps(execution.output, separators=(",", ":")),
            "outputDetails": {"included": True},
        }
    return ActionResult({key: value for key, value in shown.items() if value is not None})


def _list_executions(self: StepFunctionResponse) -> ActionResult:
    machine: Any = self.stepfunction_backend.describe_state_machine(self._get_param("stateMachineArn"))
    status = self._get_param("statusFilter")
    found = [execution for execution in reversed(machine.executions) if status in (None, execution.status)]
    return ActionResult(_page(self, "executions", [_summary(execution) for execution in found]))


def _summary(execution: Execution) -> dict[str, Any]:
    return {
        "executionArn": execution.execution_arn,
        "stateMachineArn": execution.state_machine_arn,
        "name": execution.name,
        "status": execution.status,
        "startDate": execution.start_date,
        "stopDate": execution.stop_date,
        "redriveCount": 0,
    }


def _get_execution_history(self: StepFunctionResponse) -> ActionResult:
    execution: Any = self.stepfunction_backend.describe_execution(self._get_param("executionArn"))
    events = execution.to_history_output()["events"]
    for event in events:
        event["timestamp"] = datetime.fromisoformat(event["timestamp"])
    return ActionResult(_page(self, "events", events[::-1] if self._get_param("reverseOrder") else events))


def _page(response: StepFunctionResponse, name: str, items: list[Any]) -> dict[str, Any]:
    token = response._get_param("nextToken") or "0"
    if not token.isdigit():
        raise ServiceException("InvalidToken", f"Invalid Token: '{token}'")
    start, size = int(token), int(response._get_param("maxResults") or 100) or 100
    page = {name: items[start : start + size]}
    return page | {"nextToken": str(start + size)} if start + size < len(items) else page


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise InvalidName(f"Invalid Name: '{name}'")


def _check_role(role_arn: str, machine_arn: str) -> None:
    try:
        trust.check_assume_role(trust.service_caller("states.amazonaws.com", machine_arn), role_arn)
    except trust.AccessDenied:
        raise AccessDenied(
            "Neither the global service principal states.amazonaws.com, nor the regional one is authorized "
            "to assume the provided role."
        ) from None


def _check_logging(role_arn: str, logging: dict[str, Any] | None) -> None:
    if not logging or logging.get("level", "OFF") == "OFF":
        return
    caller = Caller(ACCOUNT_ID, role_arn)
    if not all(identity_allows(role_arn, action, "*", caller) for action in LOG_DELIVERY):
        raise AccessDenied("The state machine IAM Role is not authorized to access the Log Destination")


def _check_definition(definition: str) -> None:
    try:
        AmazonStateLanguageParser.parse(definition)
        problems = list(_problems(json.loads(definition), ""))
    except Exception as error:  # the parser has no class of its own for what it does not understand
        problems = [f"SCHEMA_VALIDATION_FAILED: {error}"]
    if problems:
        raise InvalidDefinition(f"Invalid State Machine Definition: '{'; '.join(problems)}'")


def _problems(machine: dict[str, Any], path: str) -> Iterator[str]:
    states = machine["States"]
    reached = {machine["StartAt"]}
    if machine["StartAt"] not in states:
        yield f"MISSING_TRANSITION_TARGET: Missing 'StartAt' target: {machine['StartAt']} at {path}/StartAt"
    for name, state in states.items():
        where = f"{path}/States/{name}"
        if "Credentials" in state:
            yield f"The local cloud does not run tasks with Credentials at {where}"
        if state["Type"] == "Task" and state["Resource"].endswith((".sync", ".sync:2", ".waitForTaskToken")):
            yield f"The local cloud does not wait for the job behind {state['Resource']} at {where}"
        for target in _targets(state):
            reached.add(target)
            if target not in states:
                yield f"MISSING_TRANSITION_TARGET: Missing 'Next' target: {target} at {where}"
        inner = [
            *state.get("Branches", []),
            *filter(None, [state.get("ItemProcessor"), state.get("Iterator")]),
        ]
        for index, branch in enumerate(inner):
            yield from _problems(branch, f"{where}/{index}")
    for name in states:
        if name not in reached:
            yield f"MISSING_TRANSITION_TARGET: State '{name}' is not reachable. at {path}/States/{name}"


def _targets(state: dict[str, Any]) -> Iterator[str]:
    for part in [state, *state.get("Choices", []), *state.get("Catch", [])]:
        if "Next" in part:
            yield part["Next"]
    if "Default" in state:
        yield state["Default"]


def seconds_used(execution_arn: str) -> float:
    """Return how long an execution has run, in AWS seconds: its timestamps are those of this machine."""
    backend = stepfunctions_parser_backends[ACCOUNT_ID][REGION]
    execution: Any = backend.describe_execution(execution_arn)
    return state_machine_interpreter.seconds_used(execution)


def _abort_all() -> None:
    for machine in stepfunctions_parser_backends[ACCOUNT_ID][REGION].state_machines:
        for execution in machine.executions:
            if execution.status == "RUNNING":
                with contextlib.suppress(AttributeError):  # it has not got as far as having an environment
                    execution.stop(datetime.now(UTC), None, "the cloud was stopped")
