"""All stacks of the account. Finds them and starts their operations."""

from __future__ import annotations

import threading
from collections.abc import Callable

from .errors import ValidationError
from .evaluation import Evaluation
from .provider import Types
from .reading import Request
from .resources import ResourceHandler
from .stack import Specification, Stack, new_stack_id, now
from .stack_operation import StackOperation

_UPDATABLE = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_FAILED")


class Stacks:
    """The stacks of the account. Each operation runs in a thread.

    Attributes:
        all: the stacks, oldest first, with the deleted ones.
        lock: guards what requests read and change.
    """

    def __init__(self, types: Types) -> None:
        self.types = types
        self.all: list[Stack] = []
        self.lock = threading.RLock()
        self._tokens: dict[tuple[str, str, str], str] = {}

    def stop(self) -> None:
        """Cancel every operation, and wait until its thread has ended."""
        for stack in self.all:
            stack.cancelled.set()
            if stack.operation:
                stack.operation.join(10)

    def find(self, name_or_id: str, *, deleted: bool = False) -> Stack:
        """Return a stack by name or id; with `deleted`, also a deleted one by its id."""
        for stack in reversed(self.all):
            gone = stack.status == "DELETE_COMPLETE"
            if (stack.id == name_or_id and (deleted or not gone)) or (stack.name == name_or_id and not gone):
                return stack
        raise ValidationError(f"Stack with id {name_or_id} does not exist")

    def existing(self, name: str) -> Stack | None:
        """Return a stack by name or id, or None."""
        try:
            return self.find(name)
        except ValidationError:
            return None

    def new(
        self, name: str, specification: Specification | None, role: str | None, caller: str | None
    ) -> Stack:
        """Add a stack without a status."""
        stack = Stack(name, new_stack_id(name), specification, role_arn=role, caller_role_arn=caller)
        self.all.append(stack)
        return stack

    def repeated(self, action: str, target: str, request: Request) -> Stack | None:
        """Return the stack of an earlier request with the same token, or None."""
        token = request.get("ClientRequestToken")
        stack_id = self._tokens.get((action, target, token)) if token else None
        return self.find(stack_id, deleted=True) if stack_id else None

    def remember(self, action: str, target: str, request: Request, stack: Stack) -> None:
        """Remember a request by its token. The events of its operation have the token, too."""
        stack.token = request.get("ClientRequestToken")
        if stack.token:
            self._tokens[action, target, stack.token] = stack.id

    def evaluation(self, stack: Stack, specification: Specification) -> Evaluation:
        """Return the Evaluation of a specification for a stack."""
        return Evaluation(self.types, stack, specification)

    def operation(self, stack: Stack, specification: Specification) -> StackOperation:
        """Return a stack operation towards a specification. It has not started."""

        def handler(other: Specification) -> ResourceHandler:
            return ResourceHandler(self.evaluation(stack, other), self.all)

        return StackOperation(handler(specification), handler)

    def start(self, stack: Stack, work: Callable[[], None]) -> None:
        """Run an operation in a thread. The caller has set the stack's status."""
        stack.operation = threading.Thread(target=work, name=f"stack-{stack.name}", daemon=True)
        stack.operation.start()

    def require_updatable(self, stack: Stack) -> None:
        """Raise ValidationError unless the stack's status allows an update."""
        if stack.status not in _UPDATABLE:
            raise ValidationError(f"Stack:{stack.id} is in {stack.status} state and can not be updated.")

    def begin_creation(self, stack: Stack, specification: Specification) -> None:
        """Start creating a stack."""
        stack.set_status("CREATE_IN_PROGRESS", "User Initiated")
        self.start(stack, self.operation(stack, specification).create)

    def begin_update(
        self,
        stack: Stack,
        target: Specification,
        role_arn: str | None,
        caller: str | None,
        disable_rollback: bool,
    ) -> None:
        """Start updating a stack with a service role or the caller's role."""
        stack.role_arn, stack.caller_role_arn, stack.updated = role_arn, caller, now()
        stack.set_status("UPDATE_IN_PROGRESS", "User Initiated")
        operation = self.operation(stack, target)
        self.start(stack, lambda: operation.update(disable_rollback=disable_rollback))
