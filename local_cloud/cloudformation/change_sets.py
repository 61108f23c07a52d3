"""Change sets: CloudFormation plans a stack operation, and starts it when somebody executes the plan."""

from __future__ import annotations

import threading
import uuid

from ..account import ACCOUNT_ID, REGION
from ..moto_seam import Local
from .changes import changes_anything, plan_changes
from .errors import (
    AlreadyExistsError,
    ChangeSetNotFoundError,
    InvalidChangeSetStatusError,
    NotEmulatedError,
    ValidationError,
)
from .evaluation import Evaluation
from .reading import Request, RequestReader
from .stack import ChangeSet, Stack
from .stacks import Stacks

NO_CHANGES = (
    "The submitted information didn't contain changes. Submit different information to create a change set."
)


class ChangeSets:
    """The API's requests about change sets, without HTTP."""

    def __init__(self, stacks: Stacks, reader: RequestReader) -> None:
        self.stacks, self._reader = stacks, reader

    def find(self, request: Request) -> tuple[Stack, ChangeSet]:
        """Find the change set that a request names, by ARN or by name and stack."""
        name = request["ChangeSetName"]
        stacks = [self.stacks.find(request["StackName"])] if "StackName" in request else self.stacks.all
        if "StackName" not in request and not name.startswith("arn:"):
            raise ValidationError("StackName must be specified if ChangeSetName is not specified as an ARN.")
        for stack in stacks:
            for item in stack.change_sets.values():
                if name in (item.name, item.id):
                    return stack, item
        raise ChangeSetNotFoundError(f"ChangeSet [{name}] does not exist")

    def create(self, request: Request, caller: str | None) -> ChangeSet:
        """Start making a change set; one of type CREATE makes a stack in REVIEW_IN_PROGRESS."""
        with self.stacks.lock:
            kind = request.get("ChangeSetType", "UPDATE")
            stack = self.stacks.existing(request["StackName"])
            self._check(kind, stack, request)
            specification = self._reader.specification(request, stack if kind == "UPDATE" else None, caller)
            role_arn = self._reader.role(request, stack.role_arn if stack else None)
            if stack is None:
                stack = self.stacks.new(request["StackName"], None, role_arn, caller)
                stack.token = request.get("ClientToken")
                stack.set_status("REVIEW_IN_PROGRESS", "User Initiated")
            name = request["ChangeSetName"]
            arn = f"arn:aws:cloudformation:{REGION}:{ACCOUNT_ID}:changeSet/{name}/{uuid.uuid4()}"
            change_set = ChangeSet(
                name, arn, kind, specification, role_arn, request.get("OnStackFailure"),
                request.get("Description", ""), request.get("ClientToken"),
            )  # fmt: skip
            stack.change_sets[name] = change_set
            evaluation = self.stacks.evaluation(stack, specification)
            threading.Thread(target=self._plan, args=(change_set, evaluation), daemon=True).start()
            return change_set

    def _check(self, kind: str, stack: Stack | None, request: Request) -> None:
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
        if kind == "UPDATE" and stack:
            self.stacks.require_updatable(stack)
        if kind == "UPDATE" and request.get("OnStackFailure") == "DELETE":
            raise ValidationError("OnStackFailure DELETE is only valid for change sets of type CREATE")
        if stack and request["ChangeSetName"] in stack.change_sets:
            raise AlreadyExistsError(f"ChangeSet {request['ChangeSetName']} already exists")

    def _plan(self, change_set: ChangeSet, evaluation: Evaluation) -> None:
        change_set.status = "CREATE_IN_PROGRESS"
        Local.clock.sleep(3)
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

    def execute(self, request: Request, caller: str | None) -> None:
        """Start the operation that a change set describes."""
        with self.stacks.lock:
            stack, change_set = self.find(request)
            if self.stacks.repeated("execute", stack.id, request):
                return
            if change_set.execution_status != "AVAILABLE":
                raise InvalidChangeSetStatusError(
                    f"ChangeSet [{change_set.id}] cannot be executed in its current status of "
                    f"[{change_set.status}]"
                )
            if change_set.on_failure and "DisableRollback" in request:
                raise ValidationError("Only one of OnStackFailure and DisableRollback can be specified")
            self.stacks.remember("execute", stack.id, request, stack)
            keep = request.get("DisableRollback") or change_set.on_failure == "DO_NOTHING"
            change_set.execution_status = "EXECUTE_COMPLETE"
            # The other change sets compare with a stack that no longer exists in that form.
            stack.change_sets = {change_set.name: change_set}
            if change_set.type == "UPDATE":
                self.stacks.begin_update(stack, change_set.target, change_set.role_arn, caller, bool(keep))
                return
            stack.specification, stack.role_arn = change_set.target, change_set.role_arn
            stack.caller_role_arn = caller
            stack.on_failure = "DO_NOTHING" if keep else change_set.on_failure or "ROLLBACK"
            self.stacks.begin_creation(stack, change_set.target)

    def delete(self, request: Request) -> None:
        """Forget a change set. The stack of a CREATE change set stays in REVIEW_IN_PROGRESS."""
        with self.stacks.lock:
            stack, change_set = self.find(request)
            stack.change_sets.pop(change_set.name)
