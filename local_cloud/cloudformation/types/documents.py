"""Policy documents that are put on other resources and are none themselves."""
# The methods are described by Provider.
# ruff: noqa: ARG002, D102

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ..provider import Call, Properties, Tagging


class Document:
    """What is the same for all of them; a physical id of CloudFormation's is all there is to refer to."""

    name: str | None = None
    tagging: Tagging | None = None
    attributes: Mapping[str, str] = MappingProxyType({"Id": "{id}"})

    def put(self, call: Call, properties: Properties) -> None:
        """Put the document on everything that the properties name."""
        raise NotImplementedError

    def create(self, call: Call, properties: Properties) -> str:
        physical_id = call.generated_name()
        call.initiated(physical_id)
        self.put(call, properties)
        return physical_id

    def attribute(self, call: Call, physical_id: str, name: str, properties: Properties) -> Any:
        return physical_id
