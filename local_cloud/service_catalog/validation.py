"""Checks a request as AWS does before the service gets it: required members, lengths, patterns, enums."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

# The API's patterns have \p{L}, which `re` does not know.
import regex  # type: ignore[import-untyped]  # regex has no types
from botocore.model import Shape

from .errors import ValidationError

# Every real token has a hyphen. The published model's pattern lacks it; the API reference's has it.
_CORRECTED = {"EngineWorkflowToken": r"[0-9A-Za-z+\/=\-]+"}


def check(params: dict[str, Any], shape: Shape) -> None:
    """Check request parameters against the input shape of the operation.

    Raises:
        ValidationError: in AWS's words, with every violation.
    """
    if violations := list(_violations(params, shape, "")):
        plural = "s" if len(violations) > 1 else ""
        raise ValidationError(f"{len(violations)} validation error{plural} detected: {'; '.join(violations)}")


def _violations(value: Any, shape: Any, path: str) -> Iterator[str]:
    if shape.type_name == "structure":
        for name, member in shape.members.items():
            at = f"{path}.{name[0].lower()}{name[1:]}".lstrip(".")
            if name in value and value[name] is not None:
                yield from _violations(value[name], member, at)
            elif name in shape.required_members:
                yield f"Value null at '{at}' failed to satisfy constraint: Member must not be null"
    elif shape.type_name == "list":
        for index, item in enumerate(value, 1):
            yield from _violations(item, shape.member, f"{path}.{index}.member")
    elif shape.type_name in ("string", "integer"):
        for constraint in _broken(value, shape):
            yield f"Value '{value}' at '{path}' failed to satisfy constraint: Member must {constraint}"


def _broken(value: Any, shape: Any) -> Iterator[str]:
    limits = shape.metadata
    size, have = (len(value), "have length") if shape.type_name == "string" else (value, "have value")
    if size < limits.get("min", size):
        yield f"{have} greater than or equal to {limits['min']}"
    if size > limits.get("max", size):
        yield f"{have} less than or equal to {limits['max']}"
    pattern = _CORRECTED.get(shape.name, limits.get("pattern"))
    if pattern and not regex.fullmatch(pattern, value):
        yield f"satisfy regular expression pattern: {pattern}"
    if "enum" in limits and value not in limits["enum"]:
        yield f"satisfy enum value set: [{', '.join(limits['enum'])}]"
