"""The changes in a change set: what an update would do.

The API reference describes them (ResourceChange, ResourceChangeDetail). A change is Static if the new value
is known before the update, and Dynamic if it depends on a resource that the update changes, too.
"""

from __future__ import annotations

from graphlib import TopologicalSorter
from typing import Any

from .evaluation import Evaluation
from .intrinsics import Evaluator, Pending, as_text, references
from .provider import Properties
from .schema import PropertiesError, resource_schema
from .stack import StackResource
from .template import is_custom

Detail = dict[str, Any]
_VALUES = ("Path", "BeforeValue", "AfterValue")


def plan_changes(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Return the changes from the present stack to the specification, in DescribeChangeSet's shape."""
    return _Plan(evaluation).changes()


def changes_anything(evaluation: Evaluation, changes: list[dict[str, Any]]) -> bool:
    """Say whether an update would change a resource or an output (CloudFormation roadmap, issue 2027)."""
    old, new = evaluation.stack.specification, evaluation.specification
    assert old is not None
    if changes or old.template.outputs != new.template.outputs:
        return True
    named = {name for name, _ in references(new.template.outputs)} & new.parameters.keys()
    return any(old.parameters[name].value != new.parameters[name].value for name in named)


class _Plan:
    def __init__(self, evaluation: Evaluation) -> None:
        self.evaluation, self.stack, self.target = evaluation, evaluation.stack, evaluation.specification
        self.replacements: dict[str, str] = {}  # changed resources: "True", "False", "Conditional"
        old = self.stack.specification.parameters if self.stack.specification else {}
        self.changed_parameters = {
            key
            for key, item in self.target.parameters.items()
            if key not in old or old[key].value != item.value
        }

    def changes(self) -> list[dict[str, Any]]:
        active = self.evaluation.active()
        current = self.stack.resources
        planned = {}
        for logical_id in TopologicalSorter(active).static_order():
            definition = self.target.template.resources[logical_id]
            if logical_id not in current:
                self.replacements[logical_id] = "True"
                change = {
                    "Action": "Add",
                    "LogicalResourceId": logical_id,
                    "ResourceType": definition["Type"],
                }
                planned[logical_id] = change | {"Scope": [], "Details": []}
            elif modify := self._modify(current[logical_id], definition):
                planned[logical_id] = modify
        removed = [self._remove(item) for name, item in current.items() if name not in active]
        ordered = [planned[name] for name in active if name in planned]
        return [{"Type": "Resource", "ResourceChange": change} for change in ordered + removed]

    @staticmethod
    def _remove(resource: StackResource) -> dict[str, Any]:
        retained = resource.definition.get("DeletionPolicy") in ("Retain", "RetainExceptOnCreate")
        return {
            "Action": "Remove",
            "PolicyAction": "Retain" if retained else "Delete",
            "LogicalResourceId": resource.logical_id,
            "PhysicalResourceId": resource.physical_id,
            "ResourceType": resource.type,
            "Scope": [],
            "Details": [],
        }

    def _modify(self, resource: StackResource, definition: dict[str, Any]) -> dict[str, Any] | None:
        details = self._details(resource, definition)
        if not details:
            return None
        if definition["Type"] != resource.type:
            replacement = "True"
        else:
            replacement = max(
                (_replacement(detail) for detail in details), key=("False", "Conditional", "True").index
            )
        self.replacements[resource.logical_id] = replacement
        scope = dict.fromkeys(str(detail["Target"]["Attribute"]) for detail in details)
        change = {
            "Action": "Modify",
            "LogicalResourceId": resource.logical_id,
            "PhysicalResourceId": resource.physical_id,
            "ResourceType": definition["Type"],
            "Replacement": replacement,
            "Scope": list(scope),
            "Details": details,
        }
        if replacement != "False":
            retained = definition.get("UpdateReplacePolicy") == "Retain"
            change["PolicyAction"] = "ReplaceAndRetain" if retained else "ReplaceAndDelete"
        return change

    def _details(self, resource: StackResource, definition: dict[str, Any]) -> list[Detail]:
        wanted = self._properties(definition)
        raw_old, raw_new = resource.definition.get("Properties", {}), definition.get("Properties", {})
        details: list[Detail] = []
        for name in dict.fromkeys([*resource.properties, *wanted]):
            before, after = resource.properties.get(name), wanted.get(name)
            if before != after:
                causes = self._causes(definition["Type"], name, raw_old.get(name), raw_new.get(name))
                values = {"Path": f"/Properties/{name}"} | _values(before, after)
                details += [cause | {"Target": cause["Target"] | values} for cause in causes]
        details += [
            _detail(attribute, None, "Never", "Static", "DirectModification")
            for attribute in ("Metadata", "DeletionPolicy", "UpdateReplacePolicy")
            if resource.definition.get(attribute) != definition.get(attribute)
        ]
        return details

    def _properties(self, definition: dict[str, Any]) -> Properties:
        known = self.evaluation.evaluator()
        evaluator = Evaluator(
            known.values, known.mappings, known.conditions,
            lambda name: self._pending(name) or known.ref(name),
            lambda name, attribute: self._pending(name, attribute) or known.get_att(name, attribute),
            known.zones,
        )  # fmt: skip
        properties = evaluator.resolve(definition.get("Properties", {}))
        try:
            return self.evaluation.conform(definition["Type"], properties)
        except PropertiesError:
            # As on AWS, wrong properties make the update of the resource fail, and not the change set.
            return dict(properties)

    def _pending(self, logical_id: str, attribute: str | None = None) -> Pending | None:
        replacement = self.replacements.get(logical_id)
        if replacement is None or (attribute is None and replacement == "False"):
            return None
        return Pending(f"(known after the update: {logical_id}.{attribute})")

    def _causes(self, kind: str, name: str, old: Any, new: Any) -> list[Detail]:
        recreation = "Never" if is_custom(kind) else resource_schema(kind).recreation(name)
        if is_custom(kind) and name == "ServiceToken":
            recreation = "Always"
        scope = "Tags" if not is_custom(kind) and name == resource_schema(kind).tag_property else "Properties"
        found: list[Detail] = []
        for referred, attribute in dict.fromkeys(references(new)):
            if referred in self.changed_parameters:
                found.append(_detail(scope, name, recreation, "Static", "ParameterReference", referred))
            elif attribute and referred in self.replacements:
                found.append(
                    _detail(
                        scope, name, recreation, "Dynamic", "ResourceAttribute", f"{referred}.{attribute}"
                    )
                )
            elif self.replacements.get(referred, "False") != "False":
                evaluation = "Dynamic"
                found.append(_detail(scope, name, recreation, evaluation, "ResourceReference", referred))
        if old != new or not found:
            found.append(_detail(scope, name, recreation, "Static", "DirectModification"))
        return found


def _values(before: Any, after: Any) -> dict[str, str]:
    """Return the old and the new value of a property, but nothing of a list or a structure.

    A value that is not known before the update has AWS's words.
    """
    values = {}
    for name, value in (("BeforeValue", before), ("AfterValue", after)):
        if isinstance(value, Pending):
            values[name] = "{{changeSet:KNOWN_AFTER_APPLY}}"
        elif value is not None and not isinstance(value, list | dict):
            values[name] = as_text(value)
    return values


def without_values(change: dict[str, Any]) -> dict[str, Any]:
    """Return a change as DescribeChangeSet shows it without IncludePropertyValues."""
    resource = change["ResourceChange"]
    details = [
        detail | {"Target": {name: value for name, value in detail["Target"].items() if name not in _VALUES}}
        for detail in resource["Details"]
    ]
    return change | {"ResourceChange": resource | {"Details": details}}


def _replacement(detail: Detail) -> str:
    recreation = detail["Target"]["RequiresRecreation"]
    if recreation == "Never":
        return "False"
    return "True" if recreation == "Always" and detail["Evaluation"] == "Static" else "Conditional"


def _detail(
    attribute: str, name: str | None, recreation: str, evaluation: str, source: str, cause: str | None = None
) -> Detail:
    target = {"Attribute": attribute, "RequiresRecreation": recreation}
    if attribute == "Properties":
        target["Name"] = str(name)
    detail: Detail = {"Target": target, "Evaluation": evaluation, "ChangeSource": source}
    return detail | ({"CausingEntity": cause} if cause else {})
