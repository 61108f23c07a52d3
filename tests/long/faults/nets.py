"""The parts of the safety net, and what happens if any one of them is off."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from local_cloud.faults import api as api_faults
from tests.long.faults.calls import ALWAYS
from tests.long.faults.interruptions import INTERRUPTIONS, at
from tests.long.faults.laboratory import Case, Disturbance, Laboratory, Operation
from tests.support.machinery import EXECUTION_ENDED, dead_letters, paused, rule_is

Net = Callable[[Laboratory], AbstractContextManager[None]]
Definition = dict[str, Any]


def _defined(change: Callable[[Definition], None]) -> Net:
    """Let the state machine have another definition."""

    @contextmanager
    def gone(laboratory: Laboratory) -> Iterator[None]:
        step_functions = laboratory.cloud.client("stepfunctions")
        arn = laboratory.machine()
        before = step_functions.describe_state_machine(stateMachineArn=arn)["definition"]
        definition = json.loads(before)
        change(definition)
        assert definition != json.loads(before)
        step_functions.update_state_machine(stateMachineArn=arn, definition=json.dumps(definition))
        try:
            yield
        finally:
            step_functions.update_state_machine(stateMachineArn=arn, definition=before)

    return gone


def _without_catch(definition: Definition) -> None:
    for state in definition["States"].values():
        state.pop("Catch", None)
    # A definition with states that nothing leads to is invalid.
    for name in ("Report failure", "Not reported", "Keep unconfirmed"):
        del definition["States"][name]


def _without_time_limit(definition: Definition) -> None:
    del definition["TimeoutSeconds"]


def _without_report_retry(definition: Definition) -> None:
    for name, state in definition["States"].items():
        if name.startswith("Report"):
            del state["Retry"]


@contextmanager
def _rule_disabled(laboratory: Laboratory) -> Iterator[None]:
    with rule_is(laboratory.cloud, "disabled", EXECUTION_ENDED):
        yield


@contextmanager
def _unswept(laboratory: Laboratory) -> Iterator[None]:
    laboratory.sweeps = False
    try:
        yield
    finally:
        laboratory.sweeps = True


@contextmanager
def _dead_letters_unread(laboratory: Laboratory) -> Iterator[None]:
    with dead_letters(laboratory.cloud).held():
        yield


@contextmanager
def _report_paused(laboratory: Laboratory) -> Iterator[None]:
    with paused(laboratory.cloud, "Report"):
        yield


NETS: dict[str, Net] = {
    "the catch-all of the states": _defined(_without_catch),
    "the time limit of the state machine": _defined(_without_time_limit),
    "the retries of the report": _defined(_without_report_retry),
    "the rule on executions that end unanswered": _rule_disabled,
    "the reader of dead letters": _dead_letters_unread,
    "the sweep": _unswept,
    "the function that reports": _report_paused,
}


def without(net: Net, disturb: Disturbance) -> Disturbance:
    """Let a disturbance happen while one part of the safety net is off."""

    @contextmanager
    def both(laboratory: Laboratory, case: Case) -> Iterator[Callable[[], None]]:
        with net(laboratory), disturb(laboratory, case) as meanwhile:
            yield meanwhile

    return both


@contextmanager
def refused_twice(laboratory: Laboratory, case: Case) -> Iterator[Callable[[], None]]:
    """The operation fails, and Service Catalog does not take the first report of it."""
    refuse = api_faults.refuse("InvalidParametersException", "Invalid WorkflowToken.", 400)
    with (
        at(laboratory, case, "sts:AssumeRole", api_faults.deny, ALWAYS),
        at(laboratory, case, "EngineWorkflowResult", refuse),
    ):
        yield lambda: None


@contextmanager
def report_throttled(laboratory: Laboratory, case: Case) -> Iterator[Callable[[], None]]:
    """Service Catalog is too busy for any report until a day after."""
    with at(laboratory, case, "EngineWorkflowResult", api_faults.throttle, ALWAYS):
        yield lambda: None


# Other parts of the safety net catch each one.
FAULTS: dict[str, tuple[Operation, Disturbance]] = {
    "a resource fails": ("update", INTERRUPTIONS["a resource fails"][0]),
    "the operation fails, its first report is refused": ("provision", refused_twice),
    "no report gets through for days": ("update", report_throttled),
    "the execution is aborted": ("update", INTERRUPTIONS["the execution is aborted"][0]),
    "the stack is stuck for longer than the machine may run": (
        "terminate",
        INTERRUPTIONS["the stack is stuck for longer than the machine may run"][0],
    ),
    "messages cannot be received": ("provision", INTERRUPTIONS["messages cannot be received"][0]),
}
