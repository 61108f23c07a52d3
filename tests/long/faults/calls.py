"""What can go wrong with each call to AWS that the engine makes, wherever it makes it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from local_cloud.faults import api as api_faults
from local_cloud.faults.api import Call, Effect
from local_cloud.lambda_.models import backend as functions
from tests.long.faults.laboratory import Case, Disturbance, Laboratory, Operation

ALWAYS = 1_000_000


class Place(NamedTuple):
    """Where a call is made.

    Attributes:
        actor: the function, or "workflow" for the state machine.
        call: such as "ec2:DescribeVpcs"; for the state machine the function it invokes.
    """

    actor: str
    call: str

    def __str__(self) -> str:
        return f"{self.actor}: {self.call}"


@dataclass(frozen=True)
class CallFault:
    """Something that happens to calls.

    Attributes:
        effect: what happens; a function of the case where it has to know it.
        times: how many calls it happens to.
        by_workflow: whether it can happen to what Step Functions calls, too.
    """

    effect: Effect | None
    times: int
    by_workflow: bool = True


# A function may run for 60 seconds and a client waits 20 seconds for an answer, so the third wait times out.
FAULTS = {
    "throttled": CallFault(api_faults.throttle, ALWAYS),
    "server error": CallFault(api_faults.fail, ALWAYS),
    "access denied": CallFault(api_faults.deny, ALWAYS),
    "session expired": CallFault(api_faults.expire, 1, by_workflow=False),
    "connection cut": CallFault(api_faults.cut, 5),
    "answer lost": CallFault(api_faults.lose, 1),
    "answer broken": CallFault(api_faults.garble, 1, by_workflow=False),
    "no answer": CallFault(api_faults.hang, 1, by_workflow=False),
    "function killed": CallFault(None, 1, by_workflow=False),
    "function out of time": CallFault(api_faults.hang, 3, by_workflow=False),
}


def places(laboratory: Laboratory, operation: Operation) -> list[Place]:
    """Return where the engine calls AWS in an operation, in the order of the first calls."""
    found = (place_of(laboratory, call) for call in laboratory.calls(operation))
    return list(dict.fromkeys(place for place in found if place))


def disturbance(place: Place, fault: CallFault) -> Disturbance:
    """Let the fault happen to the calls of a place, as long as the engine can end the operation."""

    @contextmanager
    def disturb(laboratory: Laboratory, case: Case) -> Iterator[Callable[[], None]]:
        effect = fault.effect or api_faults.after(lambda: functions().environments.kill(case.record_id))
        switched = laboratory.faults.add(
            lambda call: place_of(laboratory, call) == place and case.owns(call), effect, fault.times
        )

        def lift() -> None:
            switched.times = 0

        case.lift = lift
        try:
            yield lambda: None
        finally:
            laboratory.faults.remove(switched)
        if not switched.struck:
            raise LookupError(f"{place} was not called in {case.operation} of {case.name}")

    return disturb


def place_of(laboratory: Laboratory, call: Call) -> Place | None:
    """Return where a call was made; None if the engine did not make it."""
    for session in (call.caller, call.assumed_by):
        verb = laboratory.verbs.get(session.rpartition("/")[2])
        if verb:
            return Place(verb, f"{call.service}:{call.operation}")
    if call.caller.endswith("/StepFunctions") and call.operation == "Invoke":
        name = call.text.split("/functions/")[1].split("/")[0].rpartition(":")[2]
        if name in laboratory.verbs:
            return Place("workflow", laboratory.verbs[name])
    return None
