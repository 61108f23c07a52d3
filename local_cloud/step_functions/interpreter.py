"""moto's interpreter of state machines, with the clock, the credentials and the endings of Step Functions."""

from __future__ import annotations

import logging
import sys
import threading
import time
from typing import Any

from moto.stepfunctions.parser.api import ExecutionFailedEventDetails, HistoryEventType
from moto.stepfunctions.parser.asl.component.common.retry.max_attempts_decl import MaxAttemptsOutcome
from moto.stepfunctions.parser.asl.component.common.retry.retrier_decl import RetrierDecl
from moto.stepfunctions.parser.asl.component.common.retry.retrier_outcome import RetrierOutcome
from moto.stepfunctions.parser.asl.component.eval_component import EvalComponent
from moto.stepfunctions.parser.asl.component.program.program import Program
from moto.stepfunctions.parser.asl.component.state.exec.state_task.credentials import StateCredentials
from moto.stepfunctions.parser.asl.component.state.exec.state_task.state_task import StateTask
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.event.event_manager import EventManager
from moto.stepfunctions.parser.asl.eval.program_state import ProgramRunning, ProgramStopped, ProgramTimedOut
from moto.stepfunctions.parser.asl.utils.boto_client import boto_client_for
from moto.stepfunctions.parser.backend.execution import Execution

from ..world import World

ENDINGS = {
    HistoryEventType.ExecutionAborted,
    HistoryEventType.ExecutionFailed,
    HistoryEventType.ExecutionSucceeded,
    HistoryEventType.ExecutionTimedOut,
}
NEVER = float("inf")


def install(world: World) -> None:
    """Make executions wait in the world's time, act as their role, and end once."""
    _act_as_the_role(world)
    _wait_in_the_worlds_time(world)
    _end_once(world)
    # What a state raises is in the execution's history; moto logs it as its own error, payloads included.
    logger = logging.getLogger("moto.stepfunctions")
    world.at_stop.append(lambda level=logger.level: logger.setLevel(level))  # type: ignore[misc]
    logger.setLevel(logging.CRITICAL)


def _act_as_the_role(world: World) -> None:
    def client_for(region: str, service: str, state_credentials: StateCredentials) -> Any:  # noqa: ARG001
        role_arn, source = state_credentials.role_arn, getattr(state_credentials, "machine_arn", None)
        return world.identity.client(service, role_arn, "StepFunctions", "states.amazonaws.com", source)

    def credentials(self: StateTask, env: Environment) -> StateCredentials:
        chosen: Any = original_credentials(self, env)
        chosen.machine_arn = env.states.context_object.context_object_data["StateMachine"]["Id"]
        return chosen  # type: ignore[no-any-return]

    original_credentials = world.patch(StateTask, "_eval_state_credentials", credentials)

    for module in list(sys.modules.values()):
        if getattr(module, "boto_client_for", None) is boto_client_for:
            world.patch(module, "boto_client_for", client_for)


class _Clock:
    """The time that an execution has used: its code takes real time, its waits take the world's.

    Args:
        env: the environment of the execution itself, not of a branch.
        limit: TimeoutSeconds of the state machine.
    """

    def __init__(self, env: Environment, limit: float) -> None:
        self._env = env
        self._limit = limit
        self._started = time.monotonic()
        self._stopped: float | None = None
        self._skipped = 0.0
        self._ended = threading.Event()
        self._changed = threading.Event()

    def end(self) -> None:
        """Interrupt every wait of the execution."""
        self._stopped = self._stopped or time.monotonic()
        self._ended.set()
        self._changed.set()

    def wait(self, world: World, aws_seconds: float) -> None:
        """Wait for `aws_seconds` or until the execution ends or times out, whichever is first."""
        before = time.monotonic()
        aws_seconds = min(aws_seconds, self._left())
        if self._ended.wait(world.clock.seconds(aws_seconds)):
            return
        self._skipped += aws_seconds - (time.monotonic() - before)
        self._changed.set()
        if self._left() <= 0:
            self._env.set_timed_out()

    def wait_for_end(self) -> None:
        """Return when the execution has ended, or has no time left."""
        while not self._ended.is_set() and self._left() > 0:
            self._changed.wait(min(self._left(), threading.TIMEOUT_MAX))
            self._changed.clear()
        if not self._ended.is_set():
            self._env.set_timed_out()
            self.end()

    def used(self) -> float:
        """Return the AWS seconds from the start until now or the end."""
        return self._skipped + (self._stopped or time.monotonic()) - self._started

    def _left(self) -> float:
        return max(0.0, self._limit - self.used())


def _wait_in_the_worlds_time(world: World) -> None:
    def wait_state(self: WaitFunction, env: Environment, wait_seconds: float) -> None:  # noqa: ARG001
        _clock(env).wait(world, wait_seconds)

    def retry(self: RetrierDecl, env: Environment) -> None:
        self.error_equals.eval(env)
        if not env.stack.pop():
            env.stack.append(RetrierOutcome.Skipped)
            return
        self.max_attempts.eval(env)
        if env.stack.pop() == MaxAttemptsOutcome.EXHAUSTED:
            env.stack.append(RetrierOutcome.Failed)
            return
        for part in (self.interval_seconds, self.backoff_rate, self.max_delay_seconds, self.jitter_strategy):
            part.eval(env)
        _clock(env).wait(world, env.stack.pop())
        env.stack.append(RetrierOutcome.Executed)

    world.patch(WaitFunction, "_wait_interval", wait_state)
    world.patch(RetrierDecl, "_eval_body", retry)


def _clock(env: Environment) -> _Clock:
    # The event manager is the one object that an execution shares with its branches.
    return env.event_manager.clock  # type: ignore[attr-defined, no-any-return]


def seconds_used(execution: Execution) -> float:
    """Return how long an execution has run, in AWS seconds; 0 if it has not got as far as a clock."""
    env = execution.exec_worker.env if execution.exec_worker else None
    clock: _Clock | None = getattr(env.event_manager, "clock", None) if env else None
    return clock.used() if clock else 0.0


def _end_once(world: World) -> None:
    def evaluate(self: Program, env: Environment) -> None:
        if env.is_frame():
            original_evaluate(self, env)
            return
        clock = _Clock(env, self.timeout_seconds.timeout_seconds if self.timeout_seconds else NEVER)
        env.event_manager.clock = clock  # type: ignore[attr-defined]
        env.next_state_name = self.start_at.start_at_name

        def work() -> None:
            EvalComponent.eval(self, env)
            clock.end()

        threading.Thread(target=work, name="execution", daemon=True).start()
        clock.wait_for_end()
        _close(env)

    def add_event(
        self: EventManager, context: Any, event_type: HistoryEventType, *rest: Any, **named: Any
    ) -> int:
        history = self._history_event_list
        if history and history[-1]["type"] in ENDINGS:
            return int(history[-1]["id"])
        if event_type == HistoryEventType.EvaluationFailed == (history and history[-1]["type"]):
            return int(history[-1]["id"])  # moto reports a fault of a task's expression twice
        return int(original_add_event(self, context, event_type, *rest, **named))

    def set_error(self: Environment, error: ExecutionFailedEventDetails) -> None:
        if isinstance(self._program_state, ProgramRunning):
            original_set_error(self, error)

    def set_stop(self: Environment, *arguments: Any, **named: Any) -> None:
        original_set_stop(self, *arguments, **named)
        _clock(self).end()

    original_evaluate = world.patch(Program, "eval", evaluate)
    original_add_event = world.patch(EventManager, "add_event", add_event)
    original_set_error = world.patch(Environment, "set_error", set_error)
    original_set_stop = world.patch(Environment, "set_stop", set_stop)


def _close(env: Environment) -> None:
    """Write the last event at once, where moto waits for the task that is under way."""
    state, details = env.program_state(), None
    if isinstance(state, ProgramStopped):
        aborted: Any = {"executionAbortedEventDetails": {"error": state.error, "cause": state.cause}}
        kind, details = HistoryEventType.ExecutionAborted, aborted
    elif isinstance(state, ProgramTimedOut):
        kind, details = HistoryEventType.ExecutionTimedOut, {"executionTimedOutEventDetails": {}}
    if details:
        env.event_manager.add_event(env.event_history_context, kind, details)
