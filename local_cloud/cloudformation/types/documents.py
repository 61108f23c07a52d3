"""Policy documents: resource types that only set a policy on other resources."""
# The methods are described by Provider.
# ruff: noqa: ARG002, D102

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ..provider import Call, Properties, Tagging


class Document:
    """The base of these types. Only CloudFormation knows their physical ids, so they have no attributes."""

    name: str | None = None
    tagging: Tagging | None = None
    attributes: Mapping[str, str] = MappingProxyType({"Id": "{id}"})

    def put(self, call: Call, properties: Properties) -> None:
        """Set the document on each resource that the properties name."""
        raise NotImplementedError

    def create(self, call: Call, properties: Properties) -> str:
        physical_id = call.generated_name()
        call.initiated(physical_id)
        self.put(call, properties)
        return physical_id

    def attribute(self, call: Call, physical_id: str, name: str, properties: Properties) -> Any:
        return physical_id
