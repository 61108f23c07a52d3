"""Turns CloudFormation properties into API parameters.

A property has the name of its parameter, but for case, so botocore's model of the operation is enough to
translate it. JSON documents become strings where the API takes strings, and tags get the API's form. A
property without a parameter is an error, so that none is lost.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from .intrinsics import as_text


class UnknownParameterError(Exception):
    """The operation has no parameter for a property."""


def input_shape(client: Any, method: str) -> StructureShape:
    """The request shape of one boto3 client method."""
    operation = client.meta.method_to_api_mapping[method]
    shape: StructureShape = client.meta.service_model.operation_model(operation).input_shape
    return shape


def arguments(
    client: Any, method: str, values: Mapping[str, Any], renames: Mapping[str, str]
) -> dict[str, Any]:
    """Return the keyword arguments of `method` for these properties.

    Raises UnknownParameterError naming the first property that the operation does not take.
    """
    fitted: dict[str, Any] = _fit(input_shape(client, method), dict(values), renames, method)
    return fitted


def _fit(shape: Shape, value: Any, renames: Mapping[str, str], place: str) -> Any:
    if isinstance(shape, StructureShape):
        return _structure(shape, value, renames, place)
    if isinstance(shape, ListShape):
        items = value if isinstance(value, list) else [value]
        return [_fit(shape.member, item, renames, place) for item in items]
    if isinstance(shape, MapShape):
        return {key: _fit(shape.value, item, renames, place) for key, item in value.items()}
    if shape.type_name == "string":
        return json.dumps(value) if isinstance(value, dict | list) else as_text(value)
    if shape.type_name in ("integer", "long"):
        return int(value)
    if shape.type_name in ("float", "double"):
        return float(value)
    if shape.type_name == "blob":
        return value.encode() if isinstance(value, str) else value
    return value


def _structure(shape: StructureShape, value: Any, renames: Mapping[str, str], place: str) -> dict[str, Any]:
    members = {name.lower(): name for name in shape.members}
    fitted = {}
    for key, item in value.items():
        name = members.get(renames.get(key, key).lower())
        if name is None:
            raise UnknownParameterError(f"{place} has no parameter for the property {key}")
        fitted[name] = _fit(shape.members[name], item, renames, f"{place}.{name}")
    return fitted


def tag_arguments(client: Any, method: str, tags: Mapping[str, str], kind: str = "") -> dict[str, Any]:
    """Return the tag argument of a create or tag call in that API's form. `kind` is EC2's ResourceType."""
    shape = input_shape(client, method)
    for name, member in shape.members.items():
        if name.lower() in ("tags", "taglist", "addtags"):
            return {name: _tags(member, tags)}
        if name == "TagSpecifications":
            return {
                name: [
                    {
                        "ResourceType": kind,
                        "Tags": [{"Key": key, "Value": text} for key, text in tags.items()],
                    }
                ]
            }
    raise UnknownParameterError(f"{method} takes no tags")


def _tags(shape: Shape, tags: Mapping[str, str]) -> Any:
    if isinstance(shape, MapShape):
        return dict(tags)
    assert isinstance(shape, ListShape)
    assert isinstance(shape.member, StructureShape)
    names = {name.lower().removeprefix("tag"): name for name in shape.member.members}
    return [{names["key"]: key, names["value"]: text} for key, text in tags.items()]


def plain_tags(value: Any) -> dict[str, str]:
    """Read a Tags property, a list of Key and Value or a map, as a map."""
    if isinstance(value, dict):
        return {key: as_text(text) for key, text in value.items()}
    return {item["Key"]: as_text(item["Value"]) for item in value or []}
