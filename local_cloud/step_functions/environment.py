"""The environment of an execution: its time, its end and its history.

Each branch of an execution runs in a frame of this environment.
"""

from __future__ import annotations

import threading
import time
from typing import Any, Self

from moto.stepfunctions.parser.api import ExecutionFailedEventDetails, HistoryEventType
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
from moto.stepfunctions.parser.asl.eval.event.event_manager import EventHistoryContext, EventManager
from moto.stepfunctions.parser.asl.eval.event.logging import HistoryLog
from moto.stepfunctions.parser.asl.eval.program_state import ProgramStopped, ProgramTimedOut
from moto.stepfunctions.parser.asl.eval.variable_store import VariableStore

from ..moto_seam import Local

ENDINGS = {
    HistoryEventType.ExecutionAborted,
    HistoryEventType.ExecutionFailed,
    HistoryEventType.ExecutionSucceeded,
    HistoryEventType.ExecutionTimedOut,
}
# "CloudWatch Logs" in the Step Functions guide: these fields are execution data.
EXECUTION_DATA = ("input", "inputDetails", "output", "outputDetails", "parameters", "assignedVariables")
NEVER = float("inf")


class ExecutionClock:
    """The time that an execution has used. Code takes real time, waits pass in the cloud's time.

    Args:
        env: the environment of the execution itself, not of a branch.

    Attributes:
        limit: TimeoutSeconds of the state machine.
    """

    def __init__(self, env: Environment) -> None:
        self.limit = NEVER
        self._env = env
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

    def wait(self, aws_seconds: float) -> None:
        """Wait for `aws_seconds`, or until the execution ends or times out."""
        before = time.monotonic()
        aws_seconds = min(aws_seconds, self._left())
        if self._ended.wait(Local.clock.seconds(aws_seconds)):
            return
        self._skipped += aws_seconds - (time.monotonic() - before)
        self._changed.set()
        if self._left() <= 0:
            self._env.set_timed_out()

    def wait_for_end(self) -> None:
        """Wait until the execution ends or times out."""
        while not self._ended.is_set() and self._left() > 0:
            self._changed.wait(min(self._left(), threading.TIMEOUT_MAX))
            self._changed.clear()
        if not self._ended.is_set():
            self._env.set_timed_out()
            self.end()

    def used(self) -> float:
        """Return the AWS seconds from the start until now, or until the end."""
        return self._skipped + (self._stopped or time.monotonic()) - self._started

    def _left(self) -> float:
        return max(0.0, self.limit - self.used())


class LocalEnvironment(Environment):
    """The environment of an execution or a branch. Only the first error counts, and a stop ends every wait.

    Attributes:
        clock: the time of the execution; its branches share it.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.event_manager = LocalEventManager(self.cloud_watch_logging_session)
        self.clock = ExecutionClock(self)

    @classmethod
    def of(cls, env: Environment) -> Self:
        """Return our environment for an execution, made from moto's."""
        return cls(
            aws_execution_details=env.aws_execution_details,
            execution_type=env.execution_type,
            context=env.states.context_object.context_object_data,
            event_history_context=env.event_history_context,
            cloud_watch_logging_session=env.cloud_watch_logging_session,
            activity_store=env.activity_store,
        )

    @classmethod
    def as_frame_of(
        cls, env: Environment, event_history_frame_cache: EventHistoryContext | None = None
    ) -> Environment:
        """Return the environment of a branch; moto makes one of its own class."""
        return cls.as_inner_frame_of(env, env.variable_store, event_history_frame_cache)

    @classmethod
    def as_inner_frame_of(
        cls,
        env: Environment,
        variable_store: VariableStore,
        event_history_frame_cache: EventHistoryContext | None = None,
    ) -> Environment:
        """Return the environment of a branch with variables of its own."""
        frame = local(super().as_inner_frame_of(env, variable_store, event_history_frame_cache))
        frame.clock = local(env).clock
        return frame

    def set_error(self, error: ExecutionFailedEventDetails) -> None:
        """Fail, unless the execution has ended already."""
        if self.is_running():
            super().set_error(error)

    def set_stop(self, *arguments: Any, **named: Any) -> None:
        """Abort at once, and end every wait."""
        super().set_stop(*arguments, **named)
        self.clock.end()

    def close(self) -> None:
        """Write the last event of an aborted or timed-out execution; moto waits for the running task."""
        state = self.program_state()
        if isinstance(state, ProgramStopped):
            aborted: Any = {"executionAbortedEventDetails": {"error": state.error, "cause": state.cause}}
            self.event_manager.add_event(
                self.event_history_context, HistoryEventType.ExecutionAborted, aborted
            )
        elif isinstance(state, ProgramTimedOut):
            late: Any = {"executionTimedOutEventDetails": {}}
            self.event_manager.add_event(self.event_history_context, HistoryEventType.ExecutionTimedOut, late)


def local(env: Environment) -> LocalEnvironment:
    """Return `env` with its type in a local cloud."""
    assert isinstance(env, LocalEnvironment)
    return env


class LocalEventManager(EventManager):
    """The history of an execution. Only one event ends it."""

    def add_event(
        self,
        context: EventHistoryContext,
        event_type: HistoryEventType,
        event_details: EventDetails | None = None,
        timestamp: Any = None,
        update_source_event_id: bool = True,
    ) -> int:
        """Add an event, unless the execution has ended. Returns the id of the last event."""
        last = self._history_event_list[-1] if self._history_event_list else None
        # moto reports a fault of a task's expression twice.
        again = last and last["type"] == event_type == HistoryEventType.EvaluationFailed
        if last and (again or last["type"] in ENDINGS):
            return int(last["id"])
        return super().add_event(context, event_type, event_details, timestamp, update_source_event_id)

    @staticmethod
    def _create_history_log(*arguments: Any, **named: Any) -> HistoryLog:
        log = EventManager._create_history_log(*arguments, **named)
        details = log.get("details")
        if details and not named["include_execution_data"]:  # moto leaves some of these fields in
            log["details"] = {key: value for key, value in details.items() if key not in EXECUTION_DATA}
        return log
