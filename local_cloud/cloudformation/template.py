"""Reads templates, and checks what CloudFormation checks before it creates anything."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from typing import Any

import yaml

from .errors import NotEmulatedError, ValidationError
from .intrinsics import references
from .schema import is_registered, resource_schema

BODY_LIMIT, URL_LIMIT = 51_200, 1_048_576  # bytes; "CloudFormation quotas"
CUSTOM_RESOURCE = "AWS::CloudFormation::CustomResource"
PSEUDO_PARAMETERS = frozenset(
    f"AWS::{name}"
    for name in (
        "AccountId",
        "NoValue",
        "NotificationARNs",
        "Partition",
        "Region",
        "StackId",
        "StackName",
        "URLSuffix",
    )
)
_SECTIONS = {
    "AWSTemplateFormatVersion", "Description", "Metadata", "Parameters", "Mappings", "Conditions", "Rules",
    "Resources", "Outputs",
}  # fmt: skip
_RESOURCE_KEYS = {
    "Type", "Properties", "DependsOn", "Condition", "Metadata", "DeletionPolicy", "UpdateReplacePolicy",
}  # fmt: skip
_IAM_TYPES = frozenset(
    f"AWS::IAM::{name}"
    for name in (
        "AccessKey",
        "Group",
        "InstanceProfile",
        "ManagedPolicy",
        "Policy",
        "Role",
        "User",
        "UserToGroupAddition",
    )
)
_NAMED_IAM = {"RoleName", "UserName", "GroupName", "ManagedPolicyName", "InstanceProfileName"}


class _YamlLoader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms (!Ref, !GetAtt, !Sub ...). Dates stay strings."""


def _short_form(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        argument: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        argument = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        argument = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": argument}


_YamlLoader.add_multi_constructor("!", _short_form)
_YamlLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def is_custom(resource_type: str) -> bool:
    """Say whether this is a type of custom resources."""
    return resource_type.startswith("Custom::") or resource_type == CUSTOM_RESOURCE


class Template:
    """One parsed template.

    Raises ValidationError if it is not a template, and NotEmulatedError if it needs a part of the language or
    a resource type that the local cloud lacks.
    """

    def __init__(self, body: str) -> None:
        self.body = body
        try:
            data = json.loads(body) if body.lstrip().startswith("{") else yaml.load(body, _YamlLoader)
        except (json.JSONDecodeError, yaml.YAMLError) as error:
            raise ValidationError(f"Template format error: {error}") from None
        if not isinstance(data, dict):
            raise ValidationError("Template format error: unsupported structure.")
        self.data: dict[str, Any] = data
        if "Transform" in data:
            raise NotEmulatedError("transforms")
        if unknown := sorted(data.keys() - _SECTIONS):
            raise ValidationError(f"Invalid template property or properties [{', '.join(unknown)}]")
        self.parameters = self._section("Parameters")
        self.mappings = self._section("Mappings")
        self.conditions = self._section("Conditions")
        self.rules = self._section("Rules")
        self.resources = self._section("Resources")
        self.outputs = self._section("Outputs")

    def _section(self, name: str) -> dict[str, dict[str, Any]]:
        section = self.data.get(name) or {}
        if not isinstance(section, dict):
            raise ValidationError(f"Template format error: {name} must be a map.")
        return section

    def validate(self, attributes: Mapping[str, Collection[str]]) -> None:
        """Check the structure and the references.

        `attributes` has each known resource type -> the attributes that Fn::GetAtt can read.
        """
        if not self.resources:
            raise ValidationError("Template format error: At least one Resources member must be defined.")
        self._check_types(attributes.keys())
        for logical_id, resource in self.resources.items():
            self._check_resource(logical_id, resource)
            place = "Resources block of the template"
            self._check_references(resource.get("Properties", {}), place, attributes)
        for name, output in self.outputs.items():
            if "Value" not in output:
                raise ValidationError(f"Template format error: Output {name} must have a Value")
            if "Export" in output:
                raise NotEmulatedError("exports of outputs")
            self._check_references(output, "Outputs block of the template", attributes)
        try:
            TopologicalSorter(self.dependencies).prepare()
        except CycleError as error:
            names = ", ".join(sorted(set(error.args[1])))
            raise ValidationError(f"Circular dependency between resources: [{names}]") from None

    def _check_types(self, provided_types: Collection[str]) -> None:
        types = {str(resource.get("Type")) for resource in self.resources.values()}
        types = {name for name in types if not is_custom(name)}
        if unknown := sorted(name for name in types if not is_registered(name)):
            raise ValidationError(
                f"Template format error: Unrecognized resource types: [{', '.join(unknown)}]"
            )
        if missing := sorted(types - set(provided_types)):
            raise NotEmulatedError(f"these resource types: {', '.join(missing)}")

    def _check_resource(self, logical_id: str, resource: dict[str, Any]) -> None:
        if not logical_id.isalnum():
            raise ValidationError(f"Template format error: Resource name {logical_id} is non alphanumeric.")
        if unknown := sorted(resource.keys() - _RESOURCE_KEYS):
            raise NotEmulatedError(f"the resource attributes {', '.join(unknown)} ({logical_id})")
        for key in ("DeletionPolicy", "UpdateReplacePolicy"):
            if resource.get(key, "Delete") not in ("Delete", "Retain", "Snapshot", "RetainExceptOnCreate"):
                raise ValidationError(
                    f"Template format error: Unrecognized {key} {resource[key]} for {logical_id}"
                )
            if resource.get(key) == "Snapshot" and resource["Type"] != "AWS::RDS::DBInstance":
                raise ValidationError(
                    f"Template error: resource type {resource['Type']} does not support deletion policy "
                    "Snapshot"
                )
        for name in _as_list(resource.get("DependsOn", [])):
            if name not in self.resources:
                raise ValidationError(
                    f"Template format error: Unresolved resource dependencies [{name}] in the Resources "
                    "block of the template"
                )

    def _check_references(self, value: Any, place: str, attributes: Mapping[str, Collection[str]]) -> None:
        for name, attribute in references(value):
            if name in self.resources:
                if attribute:
                    self._check_attribute(name, self.resources[name]["Type"], attribute, attributes)
            elif attribute or (name not in self.parameters and name not in PSEUDO_PARAMETERS):
                raise ValidationError(
                    f"Template format error: Unresolved resource dependencies [{name}] in the {place}"
                )

    @staticmethod
    def _check_attribute(
        name: str, kind: str, attribute: str, attributes: Mapping[str, Collection[str]]
    ) -> None:
        if is_custom(kind) or attribute in attributes[kind]:
            return
        if attribute in resource_schema(kind).attributes:
            raise NotEmulatedError(f"the attribute {attribute} of {kind}")
        raise ValidationError(
            f"Template error: resource {name} does not support attribute type {attribute} in Fn::GetAtt"
        )

    @cached_property
    def dependencies(self) -> dict[str, set[str]]:
        """Each resource -> those it depends on, by DependsOn or by a reference in its properties."""
        return {
            logical_id: set(_as_list(resource.get("DependsOn", [])))
            | {name for name, _ in references(resource.get("Properties", {})) if name in self.resources}
            for logical_id, resource in self.resources.items()
        }

    @cached_property
    def capabilities(self) -> tuple[str | None, list[str]]:
        """The capability that the request has to acknowledge, and the resources that need it."""
        iam = {name: item for name, item in self.resources.items() if item["Type"] in _IAM_TYPES}
        if not iam:
            return None, []
        named = [name for name, item in iam.items() if _NAMED_IAM & item.get("Properties", {}).keys()]
        return ("CAPABILITY_NAMED_IAM", sorted(named)) if named else ("CAPABILITY_IAM", sorted(iam))


def _as_list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
