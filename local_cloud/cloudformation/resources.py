"""Handles the resources of a stack operation, one at a time."""

from __future__ import annotations

import copy
import logging
import threading
from collections.abc import Callable, Iterable

from botocore.exceptions import ClientError

from ..faults.stack import Operation, ThrottledError
from ..moto_seam import Local
from .evaluation import Evaluation
from .failures import FAILURES, THROTTLING, reason_of
from .names import check_free, says_taken, taken
from .policy import check_allowed
from .provider import Call, CancelledError, Properties, ProviderError
from .schema import resource_schema
from .stack import Stack, StackResource
from .template import is_custom

log = logging.getLogger(__name__)

_ATTEMPTS = 5  # for a throttled request; CloudFormation, too, gives up after a few


def replacement_needed(old: StackResource, new_type: str, new: Properties) -> bool:
    """Say whether the change to the properties `new` needs a new physical resource."""
    if old.type != new_type:
        return True
    if is_custom(new_type):
        return bool(old.properties.get("ServiceToken") != new.get("ServiceToken"))
    return any(old.properties.get(name) != new.get(name) for name in resource_schema(new_type).create_only)


class ResourceHandler:
    """Creates, updates and deletes the resources of a stack with one role, and records each step.

    Every method returns whether it succeeded. The resource's event has the reason of a failure.

    Args:
        evaluation: what the resources shall be.
        stacks: all stacks of the account. A new resource must not have the name of one in a stack.
    """

    def __init__(self, evaluation: Evaluation, stacks: Iterable[Stack]) -> None:
        self.evaluation, self.stacks, self.faults = evaluation, stacks, Local.faults.stack
        self.types, self.stack = evaluation.types, evaluation.stack
        self.specification = evaluation.specification

    def create(self, logical_id: str) -> bool:
        """Create a new resource of the stack."""
        definition = self.specification.template.resources[logical_id]
        resource = StackResource(logical_id, definition["Type"], definition)
        self.stack.resources[logical_id] = resource
        self.stack.set_resource_status(resource, "CREATE_IN_PROGRESS")
        return self._create(resource, "CREATE")

    def _create(self, resource: StackResource, verb: str) -> bool:
        def work(call: Call) -> None:
            resource.properties = self.evaluation.desired(resource.logical_id)
            self._create_new(resource, call)

        return self._run(resource, "create", verb, work)

    def _create_new(self, resource: StackResource, call: Call) -> None:
        provider = self.types[resource.type]
        new = call, provider.name, resource.properties, self.stacks
        check_free(*new)
        try:
            resource.physical_id = provider.create(call, resource.properties)
        except ClientError as error:
            if not resource.physical_id and says_taken(error) and (why := taken(*new)):
                raise why from error
            raise

    def update(
        self,
        logical_id: str,
        replaced: Callable[[StackResource], None],
        touched: Callable[[StackResource], None],
    ) -> bool:
        """Update an existing resource to the specification, if it differs.

        `touched` gets a copy of the resource before the first change. `replaced` gets the resource that a new
        physical resource replaces.
        """
        resource = self.stack.resources[logical_id]
        before = copy.deepcopy(resource)
        definition = self.specification.template.resources[logical_id]
        try:
            desired = self.evaluation.desired(logical_id)
        except FAILURES as error:
            touched(before)
            self.stack.set_resource_status(resource, "UPDATE_FAILED", reason_of(error))
            return False
        resource.definition = definition
        if desired == resource.properties and definition["Type"] == resource.type:
            return True
        touched(before)
        replace = replacement_needed(resource, definition["Type"], desired)
        if not replace:
            return self._modify(resource, desired)
        self.stack.set_resource_status(
            resource, "UPDATE_IN_PROGRESS",
            "Requested update requires the creation of a new physical resource; hence creating one.",
        )  # fmt: skip
        try:
            self._check_replacement(resource, definition["Type"], desired)
        except FAILURES as error:
            self.stack.set_resource_status(resource, "UPDATE_FAILED", reason_of(error))
            return False
        successor = StackResource(logical_id, definition["Type"], definition, status=resource.status)
        self.stack.resources[logical_id] = successor
        replaced(before)
        return self._create(successor, "UPDATE")

    def _check_replacement(self, resource: StackResource, new_type: str, desired: Properties) -> None:
        check_allowed(self.stack.policy, "Update:Replace", resource.logical_id, resource.type)
        name = self.types[new_type].name
        if name and desired.get(name) and desired.get(name) == resource.properties.get(name):
            raise ProviderError(
                "CloudFormation cannot update a stack when a custom-named resource requires replacing. "
                f"Rename {desired[name]} and update the stack again."
            )

    def _modify(self, resource: StackResource, desired: Properties, *, rollback: bool = False) -> bool:
        self.stack.set_resource_status(resource, "UPDATE_IN_PROGRESS")

        def work(call: Call) -> None:
            call.rollback = rollback
            if not rollback:
                check_allowed(self.stack.policy, "Update:Modify", resource.logical_id, resource.type)
            resource.properties = desired
            resource.physical_id = self.types[resource.type].update(call, resource.physical_id, old, desired)

        old = resource.properties
        done = self._run(resource, "update", "UPDATE", work)
        if rollback and not done:
            resource.properties = old  # so that a continued rollback does all of it again
        return done

    def skip(self, before: StackResource) -> None:
        """Leave a resource unchanged and record that its update was rolled back (ResourcesToSkip)."""
        resource = self.stack.resources[before.logical_id]
        resource.definition, resource.properties = before.definition, before.properties
        self.stack.set_resource_status(resource, "UPDATE_COMPLETE")

    def restore(self, before: StackResource) -> bool:
        """Roll back the update of a resource."""
        resource = self.stack.resources[before.logical_id]
        if resource.physical_id != before.physical_id:
            self.stack.resources[before.logical_id] = before
            self.stack.set_resource_status(before, "UPDATE_COMPLETE")
            return True
        resource.definition = before.definition
        if resource.properties == before.properties and resource.status != "UPDATE_FAILED":
            return True
        return self._modify(resource, before.properties, rollback=True)

    def delete(self, resource: StackResource) -> bool:
        """Delete a physical resource, unless its DeletionPolicy retains it."""
        if not resource.physical_id:
            self.stack.set_resource_status(resource, "DELETE_COMPLETE")
            return True
        policy = resource.definition.get(
            "DeletionPolicy", "Snapshot" if resource.type == "AWS::RDS::DBInstance" else "Delete"
        )
        if policy == "Retain" or (
            policy == "RetainExceptOnCreate" and not self.stack.status.startswith("ROLLBACK")
        ):
            self.stack.set_resource_status(resource, "DELETE_SKIPPED")
            return True
        self.stack.set_resource_status(resource, "DELETE_IN_PROGRESS")

        def work(call: Call) -> None:
            call.final_snapshot = policy == "Snapshot"
            self.types[resource.type].delete(call, resource.physical_id, resource.properties)

        return self._run(resource, "delete", "DELETE", work)

    def _run(
        self, resource: StackResource, operation: Operation, verb: str, work: Callable[[Call], None]
    ) -> bool:
        # Nothing cancels a deletion.
        cancelled = threading.Event() if operation == "delete" else self.stack.cancelled
        call = self.evaluation.call(resource, cancelled)
        try:
            self._attempt(resource, operation, call, work)
            if call.cancelled.is_set():
                raise CancelledError
        except CancelledError:
            noun = "creation" if operation == "create" else operation
            self.stack.set_resource_status(resource, f"{verb}_FAILED", f"Resource {noun} cancelled")
            return False
        except FAILURES as error:
            self.stack.set_resource_status(resource, f"{verb}_FAILED", reason_of(error))
            return False
        except Exception as error:
            log.exception("%s of %s failed inside the local cloud", operation, resource.logical_id)
            self.stack.set_resource_status(resource, f"{verb}_FAILED", f"Internal Failure: {error!r}")
            return False
        self.evaluation.forget(resource.logical_id)
        self.stack.set_resource_status(resource, f"{verb}_COMPLETE")
        return True

    def _attempt(
        self, resource: StackResource, operation: Operation, call: Call, work: Callable[[Call], None]
    ) -> None:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                if stall := self.faults.strike(resource.logical_id, resource.type, operation):
                    _hold(stall.released, call.cancelled)
                work(call)
                return
            except (ThrottledError, ClientError) as error:
                throttled = isinstance(error, ThrottledError) or error.response["Error"]["Code"] in THROTTLING
                if not throttled or attempt == _ATTEMPTS or (resource.physical_id and operation == "create"):
                    raise ProviderError(reason_of(error)) from error
                Local.clock.sleep(2**attempt)


def _hold(released: threading.Event, cancelled: threading.Event) -> None:
    while not released.wait(0.02):
        if cancelled.is_set():
            raise CancelledError
