"""Evaluates a specification with the stack's present resources."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any

from ..account import ACCOUNT_ID, REGION
from ..iam.trust import FORWARDED
from ..moto_seam import Local
from .arguments import plain_tags
from .errors import ValidationError
from .intrinsics import Evaluator, as_text
from .provider import Call, Properties, Types
from .schema import PropertiesError, resource_schema
from .stack import Specification, Stack, StackResource
from .template import is_custom


def client_of(service: str, caller_role_arn: str | None) -> Any:
    """Return a boto3 client that goes on with the session of the request's caller."""
    if caller_role_arn is None:
        return Local.identity.client(service)
    return Local.identity.client(service, caller_role_arn, "AWSCloudFormation", FORWARDED)


class Evaluation:
    """The values of a specification for a stack, read with one role."""

    def __init__(self, types: Types, stack: Stack, specification: Specification) -> None:
        self.types, self.stack, self.specification = types, stack, specification
        self._clients: dict[str, Any] = {}
        self._attributes: dict[tuple[str, str, str], Any] = {}

    def client(self, service: str) -> Any:
        """Return a boto3 client with the stack's role, or else the role of the operation's caller."""
        if service not in self._clients:
            self._clients[service] = self._new_client(service)
        return self._clients[service]

    def _new_client(self, service: str) -> Any:
        if self.stack.role_arn:
            return Local.identity.client(
                service, self.stack.role_arn, "AWSCloudFormation", "cloudformation.amazonaws.com"
            )
        return client_of(service, self.stack.caller_role_arn)

    def evaluator(self) -> Evaluator:
        """Return an evaluator of the template's expressions."""
        template = self.specification.template
        return Evaluator(
            self._pseudo_parameters()
            | {key: parameter.value for key, parameter in self.specification.parameters.items()},
            template.mappings, template.conditions, self._ref, self._get_att, self._zones,
        )  # fmt: skip

    def _pseudo_parameters(self) -> dict[str, Any]:
        return {
            "AWS::AccountId": ACCOUNT_ID,
            "AWS::Region": REGION,
            "AWS::Partition": "aws",
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::StackName": self.stack.name,
            "AWS::StackId": self.stack.id,
            "AWS::NotificationARNs": [],
        }

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
        with suppress(KeyError):  # another thread may have changed the resource since
            return self._attributes[key]
        call = self.call(resource, threading.Event())
        value = self.types[resource.type].attribute(call, resource.physical_id, name, resource.properties)
        self._attributes[key] = value
        return value

    def forget(self, logical_id: str) -> None:
        """Forget a resource's attributes, because it has changed."""
        for key in list(self._attributes):
            if key[0] == logical_id:
                self._attributes.pop(key, None)

    def _zones(self) -> list[str]:
        zones = self.client("ec2").describe_availability_zones()["AvailabilityZones"]
        return [zone["ZoneName"] for zone in zones]

    def outputs(self) -> list[dict[str, str]]:
        """Evaluate the template's outputs. Raises what a failed GetAtt raises."""
        evaluator = self.evaluator()
        outputs = []
        for key, output in self.specification.template.outputs.items():
            if "Condition" not in output or evaluator.condition(output["Condition"]):
                item = {"OutputKey": key, "OutputValue": as_text(evaluator.resolve(output["Value"]))}
                outputs.append(
                    item | ({"Description": output["Description"]} if "Description" in output else {})
                )
        return outputs

    def active(self) -> dict[str, set[str]]:
        """Each resource whose condition holds -> those of them that it depends on."""
        evaluator = self.evaluator()
        template = self.specification.template
        names = {
            name for name, item in template.resources.items()
            if "Condition" not in item or evaluator.condition(item["Condition"])
        }  # fmt: skip
        return {name: template.dependencies[name] & names for name in template.resources if name in names}

    def desired(self, logical_id: str) -> Properties:
        """Evaluate a resource's properties. Raises PropertiesError or ValidationError."""
        definition = self.specification.template.resources[logical_id]
        return self.conform(definition["Type"], self.evaluator().resolve(definition.get("Properties", {})))

    def conform(self, resource_type: str, properties: Properties) -> Properties:
        """Return properties in their schema's types with the stack's tags merged in, as a map under "Tags".

        Raises PropertiesError in the words of the resource's event.
        """
        if is_custom(resource_type):
            return properties
        try:
            properties = resource_schema(resource_type).conform(properties)
        except PropertiesError as error:
            raise PropertiesError(
                f"Properties validation failed for resource with message: {error}"
            ) from None
        if self.types[resource_type].tagging is None:
            return properties
        tags = dict(self.specification.tags) | plain_tags(properties.get("Tags"))
        return properties | {"Tags": tags} if tags else properties

    def call(self, resource: StackResource, cancelled: threading.Event) -> Call:
        """Return the Call with which a provider handles a resource of the stack until `cancelled` is set."""

        def initiated(physical_id: str) -> None:
            resource.physical_id = physical_id
            verb = resource.status.split("_")[0]
            self.stack.set_resource_status(resource, f"{verb}_IN_PROGRESS", "Resource creation Initiated")

        system = {
            "aws:cloudformation:stack-name": self.stack.name,
            "aws:cloudformation:stack-id": self.stack.id,
            "aws:cloudformation:logical-id": resource.logical_id,
        }
        return Call(
            resource.logical_id, resource.type, self.stack.name, self.stack.id, system,
            self.client, initiated, cancelled, resource.data,
        )  # fmt: skip
