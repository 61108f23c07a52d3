"""The intrinsic functions of the template language."""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .errors import NotEmulatedError, ValidationError

NO_VALUE = object()


class Pending(str):
    """A value that is not known before the update, as a placeholder in change sets."""

    __slots__ = ()


_PLACEHOLDER = re.compile(r"\$\{([^!${}][^${}]*)\}")
_DYNAMIC_REFERENCE = re.compile(r"\{\{resolve:[^}]*\}\}")


def references(value: Any) -> Iterator[tuple[str, str | None]]:
    """Yield every (logical name, attribute or None) that a template value refers to, conditions aside."""
    if isinstance(value, list):
        for item in value:
            yield from references(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key == "Ref" and len(value) == 1:
                yield str(item), None
            elif key == "Fn::GetAtt" and len(value) == 1:
                yield split_attribute(item)
            elif key == "Fn::Sub" and len(value) == 1:
                yield from _sub_references(item)
            else:
                yield from references(item)


def split_attribute(argument: Any) -> tuple[str, str]:
    """Take apart the argument of Fn::GetAtt: `["Db", "Endpoint.Address"]` or `"Db.Endpoint.Address"`."""
    if isinstance(argument, str):
        logical_id, _, attribute = argument.partition(".")
        return logical_id, attribute
    return str(argument[0]), ".".join(str(part) for part in argument[1:])


def _sub_references(argument: Any) -> Iterator[tuple[str, str | None]]:
    text, names = (argument, {}) if isinstance(argument, str) else argument
    yield from references(names)
    for name in _PLACEHOLDER.findall(text):
        if name not in names:
            logical_id, _, attribute = name.strip().partition(".")
            yield logical_id, attribute or None


class Evaluator:
    """Evaluates the values of a template.

    Args:
        values: parameters and pseudo parameters by name.
        mappings: the template's Mappings.
        conditions: the template's Conditions, evaluated when needed.
        ref: the physical id of a resource by logical id.
        get_att: an attribute of a resource by logical id and name.
        zones: returns the names of the region's Availability Zones, for Fn::GetAZs.
    """

    def __init__(
        self,
        values: Mapping[str, Any],
        mappings: Mapping[str, Any],
        conditions: Mapping[str, Any],
        ref: Callable[[str], Any],
        get_att: Callable[[str, str], Any],
        zones: Callable[[], list[str]],
    ) -> None:
        self.values, self.mappings, self.conditions = values, mappings, conditions
        self.ref, self.get_att, self.zones = ref, get_att, zones

    def condition(self, name: str) -> bool:
        """Whether a named condition holds."""
        if name not in self.conditions:
            raise ValidationError(f"Template error: unresolved condition dependency {name} in the template")
        return bool(self.resolve(self.conditions[name]))

    def resolve(self, value: Any) -> Any:
        """Return `value` with every function evaluated, and without what AWS::NoValue removes."""
        if isinstance(value, list):
            return [item for item in map(self.resolve, value) if item is not NO_VALUE]
        if isinstance(value, str) and _DYNAMIC_REFERENCE.search(value):
            raise NotEmulatedError("dynamic references ({{resolve:...}})")
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            if name in ("Ref", "Condition") or name.startswith("Fn::"):
                return self._call(name, argument)
        resolved = {key: self.resolve(item) for key, item in value.items()}
        return {key: item for key, item in resolved.items() if item is not NO_VALUE}

    def _call(self, name: str, argument: Any) -> Any:
        if name == "Condition":
            # Inside properties "Condition" is an ordinary key, as in a policy statement.
            return self.condition(argument) if isinstance(argument, str) else {name: self.resolve(argument)}
        method = getattr(self, "_" + name.removeprefix("Fn::").lower(), None)
        if method is None:
            raise NotEmulatedError(f"the function {name}")
        return method(argument)

    def _ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return NO_VALUE
        return self.values[name] if name in self.values else self.ref(name)

    def _getatt(self, argument: Any) -> Any:
        logical_id, attribute = split_attribute(argument)
        return self.get_att(logical_id, self.resolve(attribute))

    def _sub(self, argument: Any) -> str:
        text, names = (argument, {}) if isinstance(argument, str) else argument

        def replace(match: re.Match[str]) -> str:
            name = match.group(1).strip()
            if name in names:
                return as_text(self.resolve(names[name]))
            return as_text(self._getatt(name) if "." in name else self._ref(name))

        return _PLACEHOLDER.sub(replace, text).replace("${!", "${")

    def _join(self, argument: Any) -> str:
        delimiter, items = argument[0], self.resolve(argument[1])
        return items if isinstance(items, Pending) else str(delimiter).join(as_text(item) for item in items)

    def _select(self, argument: Any) -> Any:
        index, items = self.resolve(argument[0]), self.resolve(argument[1])
        if isinstance(items, Pending):
            return items
        try:
            return items[int(index)]
        except IndexError:
            raise ValidationError(
                f"Template error: Fn::Select cannot select nonexistent value at index {index}"
            ) from None

    def _split(self, argument: Any) -> list[str] | Pending:
        delimiter, text = argument[0], self.resolve(argument[1])
        return text if isinstance(text, Pending) else str(text).split(delimiter)

    def _if(self, argument: Any) -> Any:
        name, when_true, when_false = argument
        return self.resolve(when_true if self.condition(name) else when_false)

    def _equals(self, argument: Any) -> bool:
        first, second = (self.resolve(item) for item in argument)
        return as_text(first) == as_text(second)

    def _and(self, argument: Any) -> bool:
        return all(self.resolve(item) for item in argument)

    def _or(self, argument: Any) -> bool:
        return any(self.resolve(item) for item in argument)

    def _not(self, argument: Any) -> bool:
        return not self.resolve(argument[0])

    def _contains(self, argument: Any) -> bool:
        items, wanted = self.resolve(argument)
        return wanted in items

    def _findinmap(self, argument: Any) -> Any:
        names = [str(self.resolve(part)) for part in argument]
        found: Any = self.mappings
        for name in names:
            if not isinstance(found, dict) or name not in found:
                raise ValidationError(f"Template error: Unable to get mapping for {'::'.join(names)}")
            found = found[name]
        return found

    def _base64(self, argument: Any) -> str:
        return base64.b64encode(as_text(self.resolve(argument)).encode()).decode()

    def _getazs(self, _argument: Any) -> list[str]:
        return self.zones()

    def _cidr(self, argument: Any) -> list[str] | Pending:
        block, count, *bits = (self.resolve(part) for part in argument)
        if isinstance(block, Pending):
            return block
        network = ipaddress.ip_network(block)
        prefix = network.max_prefixlen - int(bits[0] if bits else 8)
        subnets = network.subnets(new_prefix=prefix) if prefix >= network.prefixlen else iter(())
        chosen = [str(subnet) for subnet, _ in zip(subnets, range(int(count)), strict=False)]
        if len(chosen) < int(count):
            raise ValidationError(
                f"Template error: Fn::Cidr cannot make {count} blocks of /{prefix} from {block}"
            )
        return chosen


def as_text(value: Any) -> str:
    """Write a scalar as CloudFormation does in strings: booleans in lower case."""
    return str(value).lower() if isinstance(value, bool) else str(value)
