"""Faults of stack operations."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Literal

Operation = Literal["create", "update", "delete"]


class InjectedFailureError(Exception):
    """A failure that a test asked for. The message is the reason in the event."""


class ThrottledError(Exception):
    """The resource's service answers "Rate exceeded"."""


@dataclass
class Stall:
    """Holds a resource in progress until `release`."""

    reached: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)

    def release(self) -> None:
        """Let the operation on the resource go on."""
        self.released.set()


@dataclass
class _Fault:
    target: str
    operation: Operation
    times: int
    effect: Exception | Stall


class StackFaults:
    """The faults of stack operations.

    A target is a logical id ("Database") or a resource type ("AWS::RDS::DBInstance"). A fault meets the next
    `times` attempts in any stack.
    """

    def __init__(self) -> None:
        self._faults: list[_Fault] = []
        self._throttled_actions: dict[str, int] = {}
        self._lock = threading.Lock()

    def fail(self, target: str, reason: str, on: Operation = "create", times: int = 1) -> None:
        """Make the operation fail with `reason`."""
        self._faults.append(_Fault(target, on, times, InjectedFailureError(reason)))

    def stall(self, target: str, on: Operation = "create") -> Stall:
        """Hold the resource in progress. The stall says when it is there, and lets it go on."""
        stall = Stall()
        self._faults.append(_Fault(target, on, 1, stall))
        return stall

    def throttle(self, target: str, on: Operation = "create", times: int = 1) -> None:
        """Make the resource's service answer "Rate exceeded". CloudFormation tries five times."""
        self._faults.append(_Fault(target, on, times, ThrottledError("Rate exceeded")))

    def throttle_action(self, action: str, times: int = 1) -> None:
        """Make the next calls of an API action, such as "DescribeStacks", fail with Throttling."""
        self._throttled_actions[action] = times

    def clear(self) -> None:
        """Remove all faults, and release every stall."""
        for fault in self._faults:
            if isinstance(fault.effect, Stall):
                fault.effect.release()
        self._faults.clear()
        self._throttled_actions.clear()

    def strike(self, logical_id: str, resource_type: str, operation: Operation) -> Stall | None:
        """Apply the first fault that matches: raise its error, or return the stall to wait for."""
        with self._lock:
            for fault in self._faults:
                if (
                    fault.times
                    and fault.operation == operation
                    and fault.target in (logical_id, resource_type)
                ):
                    fault.times -= 1
                    if isinstance(fault.effect, Stall):
                        fault.effect.reached.set()
                        return fault.effect
                    raise fault.effect
        return None

    def throttles(self, action: str) -> bool:
        """Say whether to throttle this call of an API action, and count it."""
        with self._lock:
            if not self._throttled_actions.get(action, 0):
                return False
            self._throttled_actions[action] -= 1
            return True
