"""A launch or an update as the account rules look at it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from engine.template import Template

DATABASE = "AWS::RDS::DBInstance"


class Given(NamedTuple):
    """A property's value and the input that decides it; the property itself where no input does."""

    input: str
    value: str


@dataclass(frozen=True)
class Launch:
    """What is about to be deployed, and what of it exists.

    Attributes:
        stack_name: the stack of the provisioned product.
        template: the version.
        parameters: the values that keep the template's rules. A rule that needs another one can't be checked.
        current: the values the stack has; empty when it is to be created.
        own: the physical ids of the resources the stack has.
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
        """Return what a property of the first resource of a type will be; None when that can't be known."""
        expression = next(self.template.properties(resource_type, name), None)
        value = self.template.resolve(expression, self.parameters)
        if value is None:
            return None
        match expression:
            case {"Ref": str(parameter)}:
                return Given(parameter, value)
        return Given(f"{resource_type} {name}", value)

    def zones_of(self, subnets: Iterator[Any], zones: list[str]) -> list[str]:
        """Return the zones of the subnets that some expressions refer to, where the template fixes them."""
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
