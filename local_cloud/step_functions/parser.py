"""Parses state machine definitions into moto's components, or into ours where moto differs from AWS."""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import Any

from moto.stepfunctions.parser.asl.component.common.retry.max_attempts_decl import MaxAttemptsOutcome
from moto.stepfunctions.parser.asl.component.common.retry.retrier_decl import RetrierDecl
from moto.stepfunctions.parser.asl.component.common.retry.retrier_outcome import RetrierOutcome
from moto.stepfunctions.parser.asl.component.eval_component import EvalComponent
from moto.stepfunctions.parser.asl.component.program.program import Program
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.resource import Resource
from moto.stepfunctions.parser.asl.component.state.state import CommonStateField
from moto.stepfunctions.parser.asl.component.state.state_props import StateProps
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.asl.parse.preprocessor import Preprocessor

from ..moto_seam import Local, patch
from .environment import NEVER, local
from .jsonata import LocalStringJSONata
from .tasks import task_for


# To parse takes longer than many executions. Executions share the result: their state is in the environment.
@lru_cache(maxsize=32)
def parse(definition: str) -> LocalProgram:
    """Return the program of a state machine.

    Raises:
        Exception: the definition is invalid. moto has no class of its own for that.
    """
    _, tree = AmazonStateLanguageParser.parse(definition)
    program: LocalProgram = LocalPreprocessor().visit(tree)
    return program


class LocalPreprocessor(Preprocessor):
    """Makes components from the syntax tree. The grammar gives the names of the methods."""

    def visitState_machine(self, ctx: Any) -> LocalProgram:  # noqa: D102, N802
        return LocalProgram(**vars(super().visitState_machine(ctx)))

    def visitRetrier_decl(self, ctx: Any) -> LocalRetrier:  # noqa: D102, N802
        return LocalRetrier(**vars(super().visitRetrier_decl(ctx)))

    def visitString_jsonata(self, ctx: Any) -> LocalStringJSONata:  # noqa: D102, N802
        return LocalStringJSONata(super().visitString_jsonata(ctx).expression)

    @staticmethod
    def _common_state_field_of(state_props: StateProps) -> CommonStateField:
        task = task_for(state_props.get(Resource))
        if task is None:
            return Preprocessor._common_state_field_of(state_props)
        task.from_state_props(state_props)
        return task


class LocalProgram(Program):
    """The program of a state machine. Its branches are programs of moto's."""

    def eval(self, env: Environment) -> None:
        """Run until the last state ends, or the execution times out or is stopped."""
        execution = local(env)
        execution.clock.limit = self.timeout_seconds.timeout_seconds if self.timeout_seconds else NEVER
        execution.next_state_name = self.start_at.start_at_name

        def work() -> None:
            try:
                EvalComponent.eval(self, execution)
            except Exception:
                if not Local.clock.stopping.is_set():  # otherwise what it called has ended below it
                    raise
            execution.clock.end()

        threading.Thread(target=work, name="execution", daemon=True).start()
        execution.clock.wait_for_end()
        execution.close()


class LocalRetrier(RetrierDecl):
    """A retrier that waits in the cloud's time, and not beyond the end of its execution."""

    def _eval_body(self, env: Environment) -> None:
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
        local(env).clock.wait(env.stack.pop())
        env.stack.append(RetrierOutcome.Executed)


@patch(WaitFunction, "_wait_interval")
def _wait_interval(_: Any, self: WaitFunction, env: Environment, wait_seconds: float) -> None:  # noqa: ARG001
    local(env).clock.wait(wait_seconds)
