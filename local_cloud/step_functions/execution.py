"""An execution of a state machine."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

from moto.stepfunctions.models import StateMachine
from moto.stepfunctions.parser.api import StateMachineType
from moto.stepfunctions.parser.asl.eval.evaluation_details import EvaluationDetails
from moto.stepfunctions.parser.backend.execution import BaseExecutionWorkerCommunication, Execution
from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker

from ..account import ACCOUNT_ID, REGION
from ..moto_seam import Local
from .environment import LocalEnvironment
from .parser import LocalProgram, parse
from .reports import logging_session, publish
from .tasks import ExecutionRole


class LocalExecution(Execution):
    """An execution. It keeps the definition with which it was started.

    Args:
        machine: the state machine to run.
        name: its name.
        text: its input, JSON.
    """

    exec_worker: LocalWorker | None

    def __init__(self, machine: StateMachine, name: str, text: str) -> None:
        arn = f"arn:aws:states:{REGION}:{ACCOUNT_ID}:execution:{machine.name}:{name}"
        role = ExecutionRole(machine.roleArn)
        role.machine_arn = machine.arn
        snapshot: Any = copy.copy(machine)
        snapshot.executions = []
        super().__init__(
            name=name,
            sm_type=StateMachineType(machine.sm_type),
            role_arn=role,
            exec_arn=arn,
            account_id=ACCOUNT_ID,
            region_name=REGION,
            state_machine=snapshot,
            start_date=datetime.now(UTC),
            cloud_watch_logging_session=logging_session(machine, arn),
            activity_store={},
            input_data=text,
        )

    def seconds_used(self) -> float:
        """Return how long it has run, in AWS seconds; 0 before its environment exists."""
        env = self.exec_worker.env if self.exec_worker else None
        return env.clock.used() if env else 0.0

    def _get_start_execution_worker(self) -> LocalWorker:
        return LocalWorker(
            evaluation_details=EvaluationDetails(
                aws_execution_details=self._get_start_aws_execution_details(),
                execution_details=self.get_start_execution_details(),
                state_machine_details=self.get_start_state_machine_details(),
            ),
            exec_comm=_Communication(self),
            cloud_watch_logging_session=self._cloud_watch_logging_session,
            activity_store=self._activity_store,
        )


class LocalWorker(ExecutionWorker):
    """Runs an execution in a thread."""

    env: LocalEnvironment | None

    def _get_evaluation_entrypoint(self) -> LocalProgram:
        return parse(self._evaluation_details.state_machine_details.definition)

    def _get_evaluation_environment(self) -> LocalEnvironment:
        return LocalEnvironment.of(super()._get_evaluation_environment())

    def _execution_logic(self) -> None:
        try:
            super()._execution_logic()  # type: ignore[no-untyped-call]  # moto's method has no types
        except Exception:
            if not Local.clock.stopping.is_set():  # otherwise what it called has ended below it
                raise


class _Communication(BaseExecutionWorkerCommunication):
    def terminated(self) -> None:
        super().terminated()
        if not Local.clock.stopping.is_set():
            publish(self.execution)
