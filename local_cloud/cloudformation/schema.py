"""The resource schemas of the CloudFormation registry, which cfn-lint carries."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from ..account import REGION

# Importing cfn-lint takes seconds, and its data files are enough.
_SPEC = importlib.util.find_spec("cfnlint")
assert _SPEC
assert _SPEC.origin
_SCHEMAS = Path(_SPEC.origin).parent / "data" / "schemas"


class PropertiesError(Exception):
    """The properties do not match the schema. The message is the reason in the resource's event."""


@cache
def _files() -> dict[str, str]:
    files: dict[str, str] = json.loads((_SCHEMAS / "providers" / f"{REGION}.json").read_text())
    return files


@cache
def resource_schema(resource_type: str) -> Schema:
    """Return a type's registry schema. Raises KeyError for a type that AWS does not have in this region."""
    return Schema(json.loads((_SCHEMAS / "resources" / f"{_files()[resource_type]}.json").read_text()))


def is_registered(resource_type: str) -> bool:
    """Say whether AWS has this resource type in this region."""
    return resource_type in _files()


def _names(pointers: list[str]) -> frozenset[str]:
    """Turn `/properties/Endpoint/Address` into `Endpoint.Address`, the form GetAtt uses."""
    return frozenset(pointer.removeprefix("/properties/").replace("/", ".") for pointer in pointers)


@dataclass(frozen=True, eq=False)
class Schema:
    """The schema of a type: which properties it may have, and which changes replace the resource."""

    raw: dict[str, Any]

    @cached_property
    def attributes(self) -> frozenset[str]:
        """The attributes that Fn::GetAtt can read."""
        return _names(self.raw.get("readOnlyProperties", []))

    @cached_property
    def create_only(self) -> frozenset[str]:
        """Properties whose change replaces the resource."""
        return frozenset(
            name.split(".")[0] for name in _names(self.raw.get("createOnlyProperties", [])) if "." not in name
        )

    @cached_property
    def conditional_create_only(self) -> frozenset[str]:
        """Properties whose change may replace the resource."""
        names = _names(self.raw.get("conditionalCreateOnlyProperties", []))
        return frozenset(name.split(".")[0] for name in names)

    @property
    def tag_property(self) -> str | None:
        """The property for stack tags; None if the type takes no tags."""
        tagging = self.raw.get("tagging", {})
        if not tagging.get("taggable", False):
            return None
        return str(tagging.get("tagProperty", "/properties/Tags")).removeprefix("/properties/")

    def recreation(self, property_name: str) -> str:
        """`RequiresRecreation` of a change to that property: Always, Conditionally or Never."""
        if property_name in self.create_only:
            return "Always"
        return "Conditionally" if property_name in self.conditional_create_only else "Never"

    def conform(self, properties: dict[str, Any]) -> dict[str, Any]:
        """Return the properties in the schema's types, as CloudFormation converts "true" and "5".

        Raises PropertiesError for unknown, missing, read-only or wrongly typed ones.
        """
        for name in properties:
            if name in self.attributes and name not in _names(self.raw.get("createOnlyProperties", [])):
                raise PropertiesError(f"#: extraneous key [{name}] is not permitted (it is read-only)")
        conformed: dict[str, Any] = self._value(self.raw | {"type": "object"}, properties, "#")
        return conformed

    def _value(self, schema: dict[str, Any], value: Any, path: str) -> Any:
        if "$ref" in schema:
            target: Any = self.raw
            for step in schema["$ref"].removeprefix("#/").split("/"):
                target = target[step]
            return self._value(target, value, path)
        declared = schema.get("type")
        kinds = [declared] if isinstance(declared, str) else list(declared or [])
        if isinstance(value, dict):
            return (
                self._object(schema, value, path)
                if not kinds or "object" in kinds
                else _reject(kinds, value, path)
            )
        if isinstance(value, list):
            if kinds and "array" not in kinds:
                return _reject(kinds, value, path)
            items = schema.get("items", {})
            return [self._value(items, item, f"{path}/{index}") for index, item in enumerate(value)]
        converted = _scalar(kinds, value, path)
        if "enum" in schema and converted not in schema["enum"]:
            raise PropertiesError(f"{path}: {value} is not a valid enum value")
        return converted

    def _object(self, schema: dict[str, Any], value: dict[str, Any], path: str) -> dict[str, Any]:
        known = schema.get("properties", {})
        if not known:
            return value
        for name in schema.get("required", []):
            if name not in value:
                raise PropertiesError(f"{path}: required key [{name}] not found")
        if schema.get("additionalProperties") is False:
            for name in value.keys() - known.keys():
                raise PropertiesError(f"{path}: extraneous key [{name}] is not permitted")
        return {
            name: self._value(known.get(name, {}), item, f"{path}/{name}") for name, item in value.items()
        }


def _scalar(kinds: list[str], value: Any, path: str) -> Any:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    for kind in kinds:
        if kind == "string":
            return text
        if kind == "boolean" and text.lower() in ("true", "false"):
            return text.lower() == "true"
        if kind in ("integer", "number"):
            try:
                return int(text) if kind == "integer" else float(text)
            except ValueError:
                continue
    # A JSON document may be given as a string where an object is expected.
    return _reject(kinds, value, path) if kinds and kinds != ["object"] else value


def _reject(kinds: list[str], value: Any, path: str) -> Any:
    found = {dict: "JSONObject", list: "JSONArray", bool: "Boolean", int: "Integer"}.get(
        type(value), "String"
    )
    wanted = " or ".join({"object": "JSONObject", "array": "JSONArray"}.get(k, k.capitalize()) for k in kinds)
    raise PropertiesError(f"{path}: expected type: {wanted}, found: {found}")
