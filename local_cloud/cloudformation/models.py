"""CloudFormation's requests about stacks, without HTTP."""

from __future__ import annotations

from moto.cloudformation.models import CloudFormationBackend, cloudformation_backends
from moto.core.base_backend import BaseBackend

from ..moto_seam import Local, running
from .change_sets import ChangeSets
from .changes import changes_anything, plan_changes
from .custom_resource import CustomResource
from .errors import AlreadyExistsError, NotEmulatedError, ValidationError
from .policy import check_policy_body
from .provider import Types
from .reading import Request, RequestReader
from .stack import Stack, now
from .stacks import Stacks
from .types import PROVIDERS


class LocalCloudFormation(Local, BaseBackend):
    """CloudFormation; `change_sets` has its requests about change sets.

    It takes from moto's CloudFormation only the endpoint service, for which EC2 asks every backend.
    """

    default_vpc_endpoint_service = CloudFormationBackend.default_vpc_endpoint_service

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        types = Types(PROVIDERS, CustomResource())
        self.reader = RequestReader(types)
        self.stacks = Stacks(types)
        self.change_sets = ChangeSets(self.stacks, self.reader)

    def stop(self) -> None:
        """Cancel every operation, and wait until its thread has ended."""
        self.faults.stack.clear()
        self.stacks.stop()

    def create_stack(self, request: Request, caller: str | None) -> str:
        """Start creating a stack and return its id."""
        with self.stacks.lock:
            name = request["StackName"]
            repeated = self.stacks.repeated("create", name, request)
            if repeated and repeated.status != "DELETE_COMPLETE":
                return repeated.id
            if existing := self.stacks.existing(name):
                raise AlreadyExistsError(f"Stack [{existing.name}] already exists")
            if "OnFailure" in request and "DisableRollback" in request:
                raise ValidationError("Only one of OnFailure and DisableRollback can be specified")
            specification = self.reader.specification(request, None, caller)
            stack = self.stacks.new(name, specification, self.reader.role(request), caller)
            stack.on_failure = (
                "DO_NOTHING" if request.get("DisableRollback") else request.get("OnFailure", "ROLLBACK")
            )
            stack.termination_protection = bool(request.get("EnableTerminationProtection"))
            if policy := request.get("StackPolicyBody"):
                check_policy_body(policy)
                stack.policy = policy
            self.stacks.remember("create", name, request, stack)
            self.stacks.begin_creation(stack, specification)
            return stack.id

    def update_stack(self, request: Request, caller: str | None) -> str:
        """Start updating a stack and return its id."""
        with self.stacks.lock:
            stack = self.stacks.find(request["StackName"])
            if self.stacks.repeated("update", stack.id, request):
                return stack.id
            self.stacks.require_updatable(stack)
            target = self.reader.specification(request, stack, caller)
            role_arn = self.reader.role(request, stack.role_arn)
            if policy := request.get("StackPolicyBody"):
                check_policy_body(policy)
                stack.policy = policy
            evaluation = self.stacks.evaluation(stack, target)
            if not changes_anything(evaluation, plan_changes(evaluation)):
                raise ValidationError("No updates are to be performed.")
            self.stacks.remember("update", stack.id, request, stack)
            self.stacks.begin_update(stack, target, role_arn, caller, bool(request.get("DisableRollback")))
            return stack.id

    def continue_update_rollback(self, request: Request) -> None:
        """Try again to roll back an update whose rollback failed."""
        with self.stacks.lock:
            stack = self.stacks.find(request["StackName"])
            if self.stacks.repeated("continue", stack.id, request):
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
            self.stacks.remember("continue", stack.id, request, stack)
            stack.set_status("UPDATE_ROLLBACK_IN_PROGRESS", "User Initiated")
            operation = self.stacks.operation(stack, stack.undo.abandoned)
            self.stacks.start(stack, lambda: operation.roll_back(skipped))

    def delete_stack(self, request: Request, caller: str | None) -> None:
        """Start deleting a stack. Of a stack that does not exist, do nothing, as on AWS."""
        with self.stacks.lock:
            if request.get("DeletionMode", "STANDARD") != "STANDARD":
                raise NotEmulatedError("DeletionMode FORCE_DELETE_STACK")
            stack = self.stacks.existing(request["StackName"])
            if (
                stack is None
                or stack.status == "DELETE_IN_PROGRESS"
                or self.stacks.repeated("delete", stack.id, request)
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
        self.stacks.remember("delete", stack.id, request, stack)
        creation = stack.operation
        stack.set_status("DELETE_IN_PROGRESS", "User Initiated")
        if stack.specification is None:
            stack.deleted = now()
            stack.set_status("DELETE_COMPLETE")
            return
        stack.cancelled.set()
        operation = self.stacks.operation(stack, stack.specification)

        def work() -> None:
            if creation:
                creation.join()
            stack.cancelled.clear()
            operation.delete(retained)

        self.stacks.start(stack, work)

    def set_stack_policy(self, request: Request) -> None:
        """Set the stack policy, which every later update has to keep to."""
        if "StackPolicyURL" in request:
            raise NotEmulatedError("the parameter StackPolicyURL")
        check_policy_body(request["StackPolicyBody"])
        self.stacks.find(request["StackName"]).policy = request["StackPolicyBody"]


def backend() -> LocalCloudFormation:
    """Return the CloudFormation of the running local cloud."""
    return running(cloudformation_backends, LocalCloudFormation)
