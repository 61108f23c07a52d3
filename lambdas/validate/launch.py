"""A launch or an update as the rules look at it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from engine.template import Template

DATABASE = "AWS::RDS::DBInstance"


class Given(NamedTuple):
    """A property's value and the input that decides it. If no input does, `input` names the property."""

    input: str
    value: str


@dataclass(frozen=True)
class Launch:
    """The stack that an operation would make or update, and what it has now.

    Attributes:
        stack_name: the stack of the provisioned product.
        template: the version.
        parameters: the values that keep the template's rules. Rules that need another value are not checked.
        current: the present values of the stack; empty if there is none yet.
        own: the physical ids of the stack's resources.
    """

    stack_name: str
    template: Template
    parameters: dict[str, str]
    current: dict[str, str]
    own: frozenset[str]

    @property
    def creates(self) -> bool:
        """Whether there is no stack yet."""
        return not self.current

    def given(self, resource_type: str, name: str) -> Given | None:
        """Return what a property of the first resource of a type will be; None if nobody knows it yet."""
        expression = next(self.template.properties(resource_type, name), None)
        value = self.template.resolve(expression, self.parameters)
        if value is None:
            return None
        match expression:
            case {"Ref": str(parameter)}:
                return Given(parameter, value)
        return Given(f"{resource_type} {name}", value)

    def zones_of(self, subnets: Iterator[Any], zones: list[str]) -> list[str]:
        """Return the zones of the subnets that the expressions refer to, if the template fixes them."""
        found = []
        for subnet in subnets:
            match subnet:
                case {"Ref": str(name)} if name in self.template.resources:
                    zone = self.template.resources[name].properties.get("AvailabilityZone")
                    match zone:
                        case str():
                            found.append(zone)
                        case {"Fn::Select": [index, {"Fn::GetAZs": _}]} if int(index) < len(zones):
                            found.append(zones[int(index)])
        return found
