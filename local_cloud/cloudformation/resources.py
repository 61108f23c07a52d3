"""Handling the resources of one stack operation, one at a time."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from ..trust import FORWARDED
from ..world import ACCOUNT_ID, REGION, World
from .arguments import plain_tags
from .errors import ValidationError
from .failures import FAILURES, THROTTLING, reason_of
from .faults import Operation, ThrottledError, faults
from .intrinsics import Evaluator, as_text
from .policy import check_allowed
from .provider import Call, CancelledError, Properties, Provider, ProviderError
from .schema import PropertiesError, resource_schema
from .stack import Specification, Stack, StackResource
from .template import is_custom

log = logging.getLogger(__name__)

_ATTEMPTS = 5  # CloudFormation gives up on a throttled handler after a few attempts


class Types:
    """The resource types that this cloud can handle."""

    def __init__(self, providers: Mapping[str, Provider], custom: Provider) -> None:
        self.providers, self.custom = providers, custom

    def __getitem__(self, resource_type: str) -> Provider:
        return self.custom if is_custom(resource_type) else self.providers[resource_type]


def pseudo_parameters(stack_name: str, stack_id: str) -> dict[str, Any]:
    """The AWS::... values of a stack."""
    return {
        "AWS::AccountId": ACCOUNT_ID,
        "AWS::Region": REGION,
        "AWS::Partition": "aws",
        "AWS::URLSuffix": "amazonaws.com",
        "AWS::StackName": stack_name,
        "AWS::StackId": stack_id,
        "AWS::NotificationARNs": [],
    }


def conform(
    resource_type: str, properties: Properties, stack_tags: Mapping[str, str], provider: Provider
) -> Properties:
    """Return the properties in their schema's types with the stack's tags merged in, as a map under "Tags".

    Raises PropertiesError in the words of the resource's event.
    """
    if is_custom(resource_type):
        return properties
    try:
        properties = resource_schema(resource_type).conform(properties)
    except PropertiesError as error:
        raise PropertiesError(f"Properties validation failed for resource with message: {error}") from None
    if provider.tagging is None:
        return properties
    tags = dict(stack_tags) | plain_tags(properties.get("Tags"))
    return properties | {"Tags": tags} if tags else properties


def replacement_needed(old: StackResource, new_type: str, new: Properties) -> bool:
    """Whether going from the resource's properties to `new` needs a new physical resource."""
    if old.type != new_type:
        return True
    if is_custom(new_type):
        return bool(old.properties.get("ServiceToken") != new.get("ServiceToken"))
    return any(old.properties.get(name) != new.get(name) for name in resource_schema(new_type).create_only)


def client_of(world: World, service: str, caller_role_arn: str | None) -> Any:
    """Return a boto3 client that goes on with the session of whoever made the request."""
    if caller_role_arn is None:
        return world.client(service)
    return world.client(service, caller_role_arn, "AWSCloudFormation", FORWARDED)


class ResourceHandler:
    """Creates, updates and deletes resources of one stack with one set of credentials, recording each step.

    Every method returns whether it succeeded; the reason of a failure is in the resource's event.
    """

    def __init__(self, world: World, types: Types, stack: Stack, specification: Specification) -> None:
        self.world, self.types, self.stack, self.faults = world, types, stack, faults(world)
        self.specification = specification
        self._clients: dict[str, Any] = {}
        self._attributes: dict[tuple[str, str, str], Any] = {}

    def client(self, service: str) -> Any:
        """Return a boto3 client with the stack's role, or the role of whoever started the operation."""
        if service not in self._clients:
            self._clients[service] = self._new_client(service)
        return self._clients[service]

    def _new_client(self, service: str) -> Any:
        if self.stack.role_arn:
            return self.world.client(
                service, self.stack.role_arn, "AWSCloudFormation", "cloudformation.amazonaws.com"
            )
        return client_of(self.world, service, self.stack.caller_role_arn)

    def evaluator(self, specification: Specification) -> Evaluator:
        """Return an evaluator that sees the stack's resources as they are now."""
        values = {key: parameter.value for key, parameter in specification.parameters.items()}
        template = specification.template
        return Evaluator(
            pseudo_parameters(self.stack.name, self.stack.id) | values,
            template.mappings, template.conditions, self._ref, self._get_att, self._zones,
        )  # fmt: skip

    def _resource(self, logical_id: str) -> StackResource:
        if logical_id not in self.stack.resources:
            raise ValidationError(
                f"Template error: Unresolved resource dependencies [{logical_id}] in the template"
            )
        return self.stack.resources[logical_id]

    def _ref(self, logical_id: str) -> str:
        return self._resource(logical_id).physical_id

    def _get_att(self, logical_id: str, name: str) -> Any:
        resource = self._resource(logical_id)
        key = logical_id, resource.physical_id, name
        if key not in self._attributes:
            provider = self.types[resource.type]
            call = self._call(resource)
            self._attributes[key] = provider.attribute(call, resource.physical_id, name, resource.properties)
        return self._attributes[key]

    def _zones(self) -> list[str]:
        zones = self.client("ec2").describe_availability_zones()["AvailabilityZones"]
        return [zone["ZoneName"] for zone in zones]

    def outputs(self) -> list[dict[str, str]]:
        """Evaluate the template's outputs. Raises what a failed GetAtt raises."""
        evaluator = self.evaluator(self.specification)
        outputs = []
        for key, output in self.specification.template.outputs.items():
            if "Condition" not in output or evaluator.condition(output["Condition"]):
                item = {"OutputKey": key, "OutputValue": as_text(evaluator.resolve(output["Value"]))}
                outputs.append(
                    item | ({"Description": output["Description"]} if "Description" in output else {})
                )
        return outputs

    def active(self, specification: Specification) -> dict[str, set[str]]:
        """The resources whose condition holds, each with those of them that it depends on."""
        evaluator = self.evaluator(specification)
        template = specification.template
        names = {
            name for name, item in template.resources.items()
            if "Condition" not in item or evaluator.condition(item["Condition"])
        }  # fmt: skip
        return {name: template.dependencies[name] & names for name in template.resources if name in names}

    def desired(self, logical_id: str) -> Properties:
        """Evaluate a resource's properties. Raises PropertiesError or ValidationError."""
        definition = self.specification.template.resources[logical_id]
        provider = self.types[definition["Type"]]
        properties = self.evaluator(self.specification).resolve(definition.get("Properties", {}))
        return conform(definition["Type"], properties, self.specification.tags, provider)

    def create(self, logical_id: str) -> bool:
        """Create a new resource of the stack."""
        definition = self.specification.template.resources[logical_id]
        resource = StackResource(logical_id, definition["Type"], definition)
        self.stack.resources[logical_id] = resource
        self.stack.set_resource_status(resource, "CREATE_IN_PROGRESS")
        return self._create(resource, "CREATE")

    def _create(self, resource: StackResource, verb: str) -> bool:
        def work(call: Call) -> None:
            resource.properties = self.desired(resource.logical_id)
            resource.physical_id = self.types[resource.type].create(call, resource.properties)

        return self._run(resource, "create", verb, work)

    def update(
        self,
        logical_id: str,
        replaced: Callable[[StackResource], None],
        touched: Callable[[StackResource], None],
    ) -> bool:
        """Bring an existing resource to the specification, if it differs.

        `touched` gets a copy of the resource before anything happens to it, `replaced` the one that a new
        physical resource takes the place of.
        """
        resource = self.stack.resources[logical_id]
        before = copy.deepcopy(resource)
        definition = self.specification.template.resources[logical_id]
        try:
            desired = self.desired(logical_id)
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
            resource.properties = old  # continuing the rollback has all of it to do again
        return done

    def skip(self, before: StackResource) -> None:
        """Leave a resource as it is and believe that its update was taken back."""
        resource = self.stack.resources[before.logical_id]
        resource.definition, resource.properties = before.definition, before.properties
        self.stack.set_resource_status(resource, "UPDATE_COMPLETE")

    def restore(self, before: StackResource) -> bool:
        """Take an update of a resource back."""
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
        """Delete a physical resource, unless its policy retains it."""
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
        call = self._call(resource, watch_cancel=operation != "delete")
        try:
            self._attempt(resource, operation, lambda: work(call))
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
        self._attributes = {
            key: value for key, value in self._attributes.items() if key[0] != resource.logical_id
        }
        self.stack.set_resource_status(resource, f"{verb}_COMPLETE")
        return True

    def _attempt(self, resource: StackResource, operation: Operation, work: Callable[[], None]) -> None:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                if stall := self.faults.strike(resource.logical_id, resource.type, operation):
                    _hold(stall.released, self.stack.cancelled if operation != "delete" else None)
                work()
                return
            except (ThrottledError, ClientError) as error:
                throttled = isinstance(error, ThrottledError) or error.response["Error"]["Code"] in THROTTLING
                if not throttled or attempt == _ATTEMPTS or (resource.physical_id and operation == "create"):
                    raise ProviderError(reason_of(error)) from error
                self.world.sleep(2**attempt)

    def _call(self, resource: StackResource, *, watch_cancel: bool = False) -> Call:
        def initiated(physical_id: str) -> None:
            resource.physical_id = physical_id
            verb = resource.status.split("_")[0]
            self.stack.set_resource_status(resource, f"{verb}_IN_PROGRESS", "Resource creation Initiated")

        system = {
            "aws:cloudformation:stack-name": self.stack.name,
            "aws:cloudformation:stack-id": self.stack.id,
            "aws:cloudformation:logical-id": resource.logical_id,
        }
        cancelled = self.stack.cancelled if watch_cancel else type(self.stack.cancelled)()
        return Call(
            self.world, resource.logical_id, resource.type, self.stack.name, self.stack.id, system,
            self.client, initiated, cancelled, resource.data,
        )  # fmt: skip


def _hold(released: Any, cancelled: Any) -> None:
    while not released.wait(0.02):
        if cancelled is not None and cancelled.is_set():
            raise CancelledError
