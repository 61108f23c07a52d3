"""The CloudFormation template of a version: its parameters, and the resources that it would create."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Annotated, Any

from msgspec import Meta, Struct, field

from engine.errors import ArtifactInvalidError
from engine.wire import MalformedError, read


class _Section(Struct, frozen=True, rename="pascal"):
    pass


class ParameterDeclaration(_Section, frozen=True):
    """One entry of the template's Parameters section. CloudFormation takes numbers as strings, too."""

    type: str
    default: Any = None
    description: str = ""
    no_echo: bool = False
    constraint_description: str | None = None
    allowed_pattern: str | None = None
    allowed: list[Any] | None = field(name="AllowedValues", default=None)
    min_length: int | None = None
    max_length: int | None = None
    min_value: float | None = None
    max_value: float | None = None

    @property
    def is_list(self) -> bool:
        """Whether a value has several elements, separated by commas."""
        return self.type == "CommaDelimitedList" or self.type.startswith("List<")

    @property
    def is_number(self) -> bool:
        """Whether a value, or each element of it, is a number."""
        return self.type in ("Number", "List<Number>")

    @property
    def default_text(self) -> str | None:
        """The default as text; None if there is none."""
        return None if self.default is None else text(self.default)

    @property
    def allowed_values(self) -> list[str] | None:
        """The allowed values; None if every value is allowed."""
        return None if self.allowed is None else [text(value) for value in self.allowed]

    def elements(self, value: str) -> list[str]:
        """Split a list as CloudFormation does: at commas, without the blanks around them."""
        return [element.strip() for element in value.split(",")] if self.is_list else [value]


class Resource(_Section, frozen=True):
    """One entry of the template's Resources section."""

    type: str
    properties: dict[str, Any] = {}


class ParameterGroup(_Section, frozen=True):
    """A group of parameters on the launch form."""

    parameters: list[str] = []


class Interface(_Section, frozen=True):
    """The template's AWS::CloudFormation::Interface: the layout of the launch form."""

    parameter_groups: list[ParameterGroup] = []


class Needs(_Section, frozen=True):
    """The template's demands on the account of the launch."""

    roles_version: int = 0


class Metadata(_Section, frozen=True):
    """The parts of the template's Metadata section that the engine reads."""

    interface: Interface = field(name="AWS::CloudFormation::Interface", default=Interface())
    needs: Needs = field(name="TapStack", default=Needs())


class Template(_Section, frozen=True):
    """The parts of a template that the engine reads."""

    resources: Annotated[dict[str, Resource], Meta(min_length=1)]
    parameters: dict[str, ParameterDeclaration] = {}
    outputs: dict[str, Any] = {}
    metadata: Metadata = Metadata()

    @classmethod
    def parse(cls, document: Any) -> Template:
        """Read a template from its JSON document.

        Raises:
            ArtifactInvalidError: the document does not have the form of a template.
        """
        try:
            return read(document, cls, strict=False)
        except MalformedError as defect:
            raise ArtifactInvalidError(
                f"The artifact is not a CloudFormation template ({defect}). "
                "Ask the platform team to publish the version again."
            ) from None

    def of_type(self, resource_type: str) -> dict[str, Resource]:
        """Return the resources of a type by logical id."""
        return {name: resource for name, resource in self.resources.items() if resource.type == resource_type}

    def properties(self, resource_type: str, name: str) -> Iterator[Any]:
        """Return the values of a property of all resources of a type that set it."""
        return (
            resource.properties[name]
            for resource in self.of_type(resource_type).values()
            if name in resource.properties
        )

    def resolve(self, value: Any, parameters: dict[str, str]) -> str | None:
        """Return the value that a property will have; None if nobody knows it before the launch.

        It resolves literals, Ref to a parameter, and Fn::Join and Fn::Sub of these.
        """
        match value:
            case str() | bool() | int() | float():
                return text(value)
            case {"Ref": str(name)}:
                return parameters.get(name)
            case {"Fn::Join": [str(delimiter), list(parts)]}:
                resolved = [self.resolve(part, parameters) for part in parts]
                return (
                    None
                    if None in resolved
                    else delimiter.join(part for part in resolved if part is not None)
                )
            case {"Fn::Sub": str(pattern)}:
                names = re.findall(r"\$\{([^!][^}]*)\}", pattern)
                if not all(name in parameters for name in names):
                    return None
                return re.sub(r"\$\{([^!][^}]*)\}", lambda match: parameters[match[1]], pattern)
        return None


def text(value: Any) -> str:
    """Return a JSON value as the string that CloudFormation makes of it."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ",".join(text(element) for element in value)
    return json.dumps(value)
