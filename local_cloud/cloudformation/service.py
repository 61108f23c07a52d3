"""CloudFormation's stacks and change sets: what its API does, apart from HTTP."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable

from ..world import ACCOUNT_ID, REGION, World
from .changes import changes_anything, plan_changes
from .errors import (
    AlreadyExistsError,
    ChangeSetNotFoundError,
    InvalidChangeSetStatusError,
    NotEmulatedError,
    ValidationError,
)
from .evaluation import Evaluation
from .faults import faults
from .operations import StackOperation
from .policy import check_policy_body
from .provider import Types
from .reading import Request, RequestReader
from .resources import ResourceHandler
from .stack import ChangeSet, Specification, Stack, new_stack_id, now

_UPDATABLE = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_FAILED")
NO_CHANGES = (
    "The submitted information didn't contain changes. Submit different information to create a change set."
)


class CloudFormation:
    """All stacks of the cloud. One lock guards what requests read and change; operations run in threads."""

    def __init__(self, world: World, types: Types) -> None:
        self.world, self.types, self.faults = world, types, faults(world)
        self.reader = RequestReader(world, types)
        self.stacks: list[Stack] = []
        self._tokens: dict[tuple[str, str, str], str] = {}
        self._lock = threading.RLock()

    def stop(self) -> None:
        """Call every operation off and wait until its thread has ended."""
        self.faults.clear()
        for stack in self.stacks:
            stack.cancelled.set()
            if stack.operation:
                stack.operation.join(10)

    # Finding

    def stack(self, name_or_id: str, *, deleted: bool = False) -> Stack:
        """Find a stack by name, or by id even when it is deleted, if `deleted` ones may be found."""
        for stack in reversed(self.stacks):
            gone = stack.status == "DELETE_COMPLETE"
            if (stack.id == name_or_id and (deleted or not gone)) or (stack.name == name_or_id and not gone):
                return stack
        raise ValidationError(f"Stack with id {name_or_id} does not exist")

    def _existing(self, name: str) -> Stack | None:
        try:
            return self.stack(name)
        except ValidationError:
            return None

    def change_set(self, request: Request) -> tuple[Stack, ChangeSet]:
        """Find the change set that a request names, by ARN or by name and stack."""
        name = request["ChangeSetName"]
        stacks = [self.stack(request["StackName"])] if "StackName" in request else self.stacks
        if "StackName" not in request and not name.startswith("arn:"):
            raise ValidationError("StackName must be specified if ChangeSetName is not specified as an ARN.")
        for stack in stacks:
            for item in stack.change_sets.values():
                if name in (item.name, item.id):
                    return stack, item
        raise ChangeSetNotFoundError(f"ChangeSet [{name}] does not exist")

    # Doing

    def _operation(self, stack: Stack, specification: Specification) -> StackOperation:
        return StackOperation(self._handler(stack, specification), lambda other: self._handler(stack, other))

    def _handler(self, stack: Stack, specification: Specification) -> ResourceHandler:
        return ResourceHandler(self._evaluation(stack, specification))

    def _evaluation(self, stack: Stack, specification: Specification) -> Evaluation:
        return Evaluation(self.world, self.types, stack, specification)

    def _repeated(self, action: str, target: str, request: Request) -> Stack | None:
        """The stack of an earlier request with the same token, which this one repeats."""
        token = request.get("ClientRequestToken")
        stack_id = self._tokens.get((action, target, token)) if token else None
        return self.stack(stack_id, deleted=True) if stack_id else None

    def _remember(self, action: str, target: str, request: Request, stack: Stack) -> None:
        stack.token = request.get("ClientRequestToken")
        if stack.token:
            self._tokens[action, target, stack.token] = stack.id

    def create_stack(self, request: Request, caller: str | None) -> str:
        """Start creating a stack and return its id."""
        with self._lock:
            name = request["StackName"]
            repeated = self._repeated("create", name, request)
            if repeated and repeated.status != "DELETE_COMPLETE":
                return repeated.id
            if existing := self._existing(name):
                raise AlreadyExistsError(f"Stack [{existing.name}] already exists")
            if "OnFailure" in request and "DisableRollback" in request:
                raise ValidationError("Only one of OnFailure and DisableRollback can be specified")
            specification = self.reader.specification(request, None, caller)
            stack = self._new_stack(name, specification, self.reader.role(request), caller)
            stack.on_failure = (
                "DO_NOTHING" if request.get("DisableRollback") else request.get("OnFailure", "ROLLBACK")
            )
            stack.termination_protection = bool(request.get("EnableTerminationProtection"))
            if policy := request.get("StackPolicyBody"):
                check_policy_body(policy)
                stack.policy = policy
            self._remember("create", name, request, stack)
            stack.set_status("CREATE_IN_PROGRESS", "User Initiated")
            self._start(stack, self._operation(stack, specification).create)
            return stack.id

    def _new_stack(
        self, name: str, specification: Specification | None, role: str | None, caller: str | None
    ) -> Stack:
        stack = Stack(name, new_stack_id(name), specification, role_arn=role, caller_role_arn=caller)
        self.stacks.append(stack)
        return stack

    def _start(self, stack: Stack, work: Callable[[], None]) -> None:
        stack.operation = threading.Thread(target=work, name=f"stack-{stack.name}", daemon=True)
        stack.operation.start()

    def update_stack(self, request: Request, caller: str | None) -> str:
        """Start updating a stack and return its id."""
        with self._lock:
            stack = self.stack(request["StackName"])
            if self._repeated("update", stack.id, request):
                return stack.id
            if stack.status not in _UPDATABLE:
                raise ValidationError(f"Stack:{stack.id} is in {stack.status} state and can not be updated.")
            target = self.reader.specification(request, stack, caller)
            role_arn = self.reader.role(request, stack.role_arn)
            if policy := request.get("StackPolicyBody"):
                check_policy_body(policy)
                stack.policy = policy
            evaluation = self._evaluation(stack, target)
            if not changes_anything(evaluation, plan_changes(evaluation)):
                raise ValidationError("No updates are to be performed.")
            self._remember("update", stack.id, request, stack)
            self._begin_update(stack, target, role_arn, caller, bool(request.get("DisableRollback")))
            return stack.id

    def _begin_update(
        self,
        stack: Stack,
        target: Specification,
        role_arn: str | None,
        caller: str | None,
        disable_rollback: bool,
    ) -> None:
        stack.role_arn, stack.caller_role_arn, stack.updated = role_arn, caller, now()
        stack.set_status("UPDATE_IN_PROGRESS", "User Initiated")
        operation = self._operation(stack, target)
        self._start(stack, lambda: operation.update(disable_rollback=disable_rollback))

    def continue_update_rollback(self, request: Request) -> None:
        """Try again to roll back an update whose rollback failed."""
        with self._lock:
            stack = self.stack(request["StackName"])
            if self._repeated("continue", stack.id, request):
                return
            if request.get("ForceRollback"):
                raise NotEmulatedError("the parameter ForceRollback")
            if stack.status != "UPDATE_ROLLBACK_FAILED" or stack.undo is None:
                raise ValidationError(
                    f"Stack:{stack.id} is in {stack.status} state and can not continue update rollback."
                )
            skipped = tuple(request.get("ResourcesToSkip", []))
            for name in skipped:
                resource = stack.resources.get(name)
                if resource is None or resource.status != "UPDATE_FAILED" or name not in stack.undo.resources:
                    raise ValidationError(
                        f"Resource {name} is not in the UPDATE_FAILED state and can't be skipped."
                    )
            stack.role_arn = self.reader.role(request, stack.role_arn)
            self._remember("continue", stack.id, request, stack)
            stack.set_status("UPDATE_ROLLBACK_IN_PROGRESS", "User Initiated")
            operation = self._operation(stack, stack.undo.abandoned)
            self._start(stack, lambda: operation.roll_back(skipped))

    def delete_stack(self, request: Request, caller: str | None) -> None:
        """Start deleting a stack; a stack that does not exist is deleted already."""
        with self._lock:
            if request.get("DeletionMode", "STANDARD") != "STANDARD":
                raise NotEmulatedError("DeletionMode FORCE_DELETE_STACK")
            stack = self._existing(request["StackName"])
            if (
                stack is None
                or stack.status == "DELETE_IN_PROGRESS"
                or self._repeated("delete", stack.id, request)
            ):
                return
            if stack.termination_protection:
                raise ValidationError(
                    f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled"
                )
            with stack.turn:
                self._begin_deletion(stack, request, caller)

    def _begin_deletion(self, stack: Stack, request: Request, caller: str | None) -> None:
        deletable_meanwhile = ("CREATE_IN_PROGRESS", "REVIEW_IN_PROGRESS")
        if stack.status.endswith("_IN_PROGRESS") and stack.status not in deletable_meanwhile:
            raise ValidationError(f"Stack [{stack.name}] cannot be deleted while in status {stack.status}")
        retained = tuple(request.get("RetainResources", []))
        if retained and stack.status != "DELETE_FAILED":
            raise ValidationError(
                "Invalid operation on stack. RetainResources can only be specified for stacks in "
                "DELETE_FAILED state"
            )
        stack.role_arn = self.reader.role(request, stack.role_arn)
        stack.caller_role_arn = caller
        self._remember("delete", stack.id, request, stack)
        creation = stack.operation
        stack.set_status("DELETE_IN_PROGRESS", "User Initiated")
        if stack.specification is None:
            stack.deleted = now()
            stack.set_status("DELETE_COMPLETE")
            return
        stack.cancelled.set()
        operation = self._operation(stack, stack.specification)

        def work() -> None:
            if creation:
                creation.join()
            stack.cancelled.clear()
            operation.delete(retained)

        self._start(stack, work)

    # Change sets

    def create_change_set(self, request: Request, caller: str | None) -> ChangeSet:
        """Start making a change set; one of type CREATE makes a stack in REVIEW_IN_PROGRESS."""
        with self._lock:
            kind = request.get("ChangeSetType", "UPDATE")
            stack = self._existing(request["StackName"])
            self._check_change_set(kind, stack, request)
            specification = self.reader.specification(request, stack if kind == "UPDATE" else None, caller)
            role_arn = self.reader.role(request, stack.role_arn if stack else None)
            if stack is None:
                stack = self._new_stack(request["StackName"], None, role_arn, caller)
                stack.token = request.get("ClientToken")
                stack.set_status("REVIEW_IN_PROGRESS", "User Initiated")
            name = request["ChangeSetName"]
            arn = f"arn:aws:cloudformation:{REGION}:{ACCOUNT_ID}:changeSet/{name}/{uuid.uuid4()}"
            change_set = ChangeSet(
                name, arn, kind, specification, role_arn, request.get("OnStackFailure"),
                request.get("Description", ""), request.get("ClientToken"),
            )  # fmt: skip
            stack.change_sets[name] = change_set
            evaluation = self._evaluation(stack, specification)
            threading.Thread(target=self._plan, args=(change_set, evaluation), daemon=True).start()
            return change_set

    def _check_change_set(self, kind: str, stack: Stack | None, request: Request) -> None:
        name = request["StackName"]
        if kind not in ("CREATE", "UPDATE"):
            raise NotEmulatedError(f"change sets of type {kind}")
        if kind == "CREATE" and stack and stack.status != "REVIEW_IN_PROGRESS":
            raise AlreadyExistsError(
                f"Stack [{name}] already exists and cannot be created again with the changeSet "
                f"[{request['ChangeSetName']}]."
            )
        if kind == "UPDATE" and stack is None:
            raise ValidationError(f"Stack [{name}] does not exist")
        if kind == "UPDATE" and stack and stack.status not in _UPDATABLE:
            raise ValidationError(f"Stack:{stack.id} is in {stack.status} state and can not be updated.")
        if kind == "UPDATE" and request.get("OnStackFailure") == "DELETE":
            raise ValidationError("OnStackFailure DELETE is only valid for change sets of type CREATE")
        if stack and request["ChangeSetName"] in stack.change_sets:
            raise AlreadyExistsError(f"ChangeSet {request['ChangeSetName']} already exists")

    def _plan(self, change_set: ChangeSet, evaluation: Evaluation) -> None:
        change_set.status = "CREATE_IN_PROGRESS"
        self.world.sleep(3)
        try:
            change_set.changes = plan_changes(evaluation)
        except Exception as error:
            change_set.status, change_set.reason = "FAILED", str(error)
            return
        if change_set.type == "UPDATE" and not changes_anything(evaluation, change_set.changes):
            change_set.status, change_set.reason = "FAILED", NO_CHANGES
            return
        change_set.execution_status = "AVAILABLE"
        change_set.status = "CREATE_COMPLETE"

    def execute_change_set(self, request: Request, caller: str | None) -> None:
        """Start the operation that a change set describes."""
        with self._lock:
            stack, change_set = self.change_set(request)
            if self._repeated("execute", stack.id, request):
                return
            if change_set.execution_status != "AVAILABLE":
                raise InvalidChangeSetStatusError(
                    f"ChangeSet [{change_set.id}] cannot be executed in its current status of "
                    f"[{change_set.status}]"
                )
            if change_set.on_failure and "DisableRollback" in request:
                raise ValidationError("Only one of OnStackFailure and DisableRollback can be specified")
            self._remember("execute", stack.id, request, stack)
            keep = request.get("DisableRollback") or change_set.on_failure == "DO_NOTHING"
            change_set.execution_status = "EXECUTE_COMPLETE"
            # Other change sets were made against what is no longer there.
            stack.change_sets = {change_set.name: change_set}
            if change_set.type == "UPDATE":
                self._begin_update(stack, change_set.target, change_set.role_arn, caller, bool(keep))
                return
            stack.specification, stack.role_arn = change_set.target, change_set.role_arn
            stack.caller_role_arn = caller
            stack.on_failure = "DO_NOTHING" if keep else change_set.on_failure or "ROLLBACK"
            stack.set_status("CREATE_IN_PROGRESS", "User Initiated")
            self._start(stack, self._operation(stack, change_set.target).create)

    def delete_change_set(self, request: Request) -> None:
        """Forget a change set. The stack of a CREATE change set stays in REVIEW_IN_PROGRESS."""
        with self._lock:
            stack, change_set = self.change_set(request)
            stack.change_sets.pop(change_set.name)

    def set_stack_policy(self, request: Request) -> None:
        """Set the policy that updates of the stack must keep to."""
        if "StackPolicyURL" in request:
            raise NotEmulatedError("the parameter StackPolicyURL")
        check_policy_body(request["StackPolicyBody"])
        self.stack(request["StackName"]).policy = request["StackPolicyBody"]
