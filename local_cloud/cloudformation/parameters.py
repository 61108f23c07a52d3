"""Template parameters: checks the values of an operation as CloudFormation does."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .errors import NotEmulatedError, ValidationError

_SSM_VALUE = "AWS::SSM::Parameter::Value<String>"
_TYPES = ("String", "Number", "List<Number>", "CommaDelimitedList", _SSM_VALUE)
MASK = "****"


@dataclass(frozen=True)
class Parameter:
    """A parameter's value, as the request has it and as the template sees it (a list for list types)."""

    text: str
    value: Any
    no_echo: bool = False
    resolved: str | None = None

    def described(self, key: str) -> dict[str, str]:
        """Return the DescribeStacks form; NoEcho values are masked."""
        description = {"ParameterKey": key, "ParameterValue": MASK if self.no_echo else self.text}
        return description | ({"ResolvedValue": self.resolved} if self.resolved is not None else {})


def resolve_parameters(
    declared: Mapping[str, dict[str, Any]],
    given: list[dict[str, Any]],
    previous: Mapping[str, Parameter],
    read_ssm: Callable[[str], str],
) -> dict[str, Parameter]:
    """Return every declared parameter's value. Raises ValidationError in CloudFormation's words.

    `read_ssm` returns the value of a parameter in Systems Manager, by name.
    """
    texts = _given_texts(given, previous)
    if unknown := [key for key in texts if key not in declared]:
        raise ValidationError(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    for key, declaration in declared.items():
        if "Default" in declaration:
            texts.setdefault(key, _text(declaration["Default"]))
    if missing := [key for key in declared if key not in texts]:
        raise ValidationError(f"Parameters: [{', '.join(missing)}] must have values")
    return {key: _parameter(key, declared[key], texts[key], read_ssm) for key in declared}


def _given_texts(given: list[dict[str, Any]], previous: Mapping[str, Parameter]) -> dict[str, str]:
    texts: dict[str, str] = {}
    for item in given:
        key = item["ParameterKey"]
        if key in texts:
            raise ValidationError(f"Parameters: [{key}] are specified more than once")
        if item.get("UsePreviousValue"):
            if "ParameterValue" in item:
                raise ValidationError(
                    f"Invalid input for parameter key {key}. Cannot specify usePreviousValue as true "
                    "and non empty value for a parameter"
                )
            if key not in previous:
                raise ValidationError(
                    f"Invalid input for parameter key {key}. Cannot specify usePreviousValue as true "
                    "for a parameter key not in the previous template"
                )
            texts[key] = previous[key].text
        elif "ParameterValue" in item:
            texts[key] = item["ParameterValue"]
        else:
            raise ValidationError(
                f"Invalid input for parameter key {key}. Either a value or usePreviousValue must be specified"
            )
    return texts


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _parameter(key: str, declaration: dict[str, Any], text: str, read_ssm: Callable[[str], str]) -> Parameter:
    kind = declaration.get("Type")
    if kind not in _TYPES:
        raise NotEmulatedError(f"parameters of type {kind} ({key})")
    for part in _members(kind, text):
        _check(key, kind, declaration, part)
    no_echo = _text(declaration.get("NoEcho", False)) == "true"
    if kind == _SSM_VALUE:
        resolved = read_ssm(text)
        return Parameter(text, resolved, no_echo, resolved)
    is_list = kind in ("CommaDelimitedList", "List<Number>")
    return Parameter(text, _members(kind, text) if is_list else text, no_echo)


def _members(kind: str, text: str) -> list[str]:
    return (
        [part.strip() for part in text.split(",")]
        if kind in ("CommaDelimitedList", "List<Number>")
        else [text]
    )


def _check(key: str, kind: str, declaration: dict[str, Any], text: str) -> None:
    def refuse(why: str) -> None:
        said = declaration.get("ConstraintDescription")
        raise ValidationError(f"Parameter {key} failed to satisfy constraint: {said}" if said else why)

    if kind in ("Number", "List<Number>"):
        try:
            number = float(text)
        except ValueError:
            raise ValidationError(
                f"Parameter validation failed: parameter value {text} for parameter name {key} must be "
                "a number"
            ) from None
        if "MinValue" in declaration and number < float(declaration["MinValue"]):
            refuse(f"Parameter '{key}' must be a number not less than {declaration['MinValue']}")
        if "MaxValue" in declaration and number > float(declaration["MaxValue"]):
            refuse(f"Parameter '{key}' must be a number not greater than {declaration['MaxValue']}")
    if "MinLength" in declaration and len(text) < int(declaration["MinLength"]):
        refuse(f"Parameter '{key}' must contain at least {declaration['MinLength']} characters")
    if "MaxLength" in declaration and len(text) > int(declaration["MaxLength"]):
        refuse(f"Parameter '{key}' must contain at most {declaration['MaxLength']} characters")
    if "AllowedPattern" in declaration and not re.fullmatch(declaration["AllowedPattern"], text):
        refuse(f"Parameter '{key}' must match pattern {declaration['AllowedPattern']}")
    allowed = [_text(item) for item in declaration.get("AllowedValues", [])]
    if allowed and text not in allowed:
        refuse(f"Parameter '{key}' must be one of AllowedValues")
