"""The rules in the template's Parameters section, checked as CloudFormation would."""

from __future__ import annotations

import re
from decimal import Decimal

from engine.errors import TemplateUnsuitableError
from engine.models import Parameter
from engine.template import ParameterDeclaration, Template

from validate.violations import Violation


def require_product(template: Template) -> None:
    """Check that a template is a version of this product.

    Raises:
        TemplateUnsuitableError: it lacks what the engine needs; the message lists it.
    """
    missing = [name for name in ("EnvironmentSuffix", "OpsEmails") if name not in template.parameters]
    absent = [f"parameter {name}" for name in missing]
    if "AlertTopicArn" not in template.outputs:
        absent.append("output AlertTopicArn")
    if not template.of_type("AWS::RDS::DBInstance"):
        absent.append("resource of type AWS::RDS::DBInstance")
    if absent:
        raise TemplateUnsuitableError(
            f"This version's template is not a TapStack: it has no {', no '.join(absent)}. Nothing was "
            "changed. Choose another version, and tell the platform team about this one."
        )


def resolve(
    template: Template, given: list[Parameter], current: dict[str, str], *, updates: bool = False
) -> tuple[dict[str, str], list[Violation]]:
    """Return the values of all parameters, and the violations of the template's rules.

    A parameter without a value in the message keeps the stack's value, or else gets the template's default.
    The user must give a NoEcho parameter each time, because the stack does not show its value. Without a
    stack, an update can't keep a previous value (UsePreviousValue, which arrives as null): the default in its
    place could be one that nobody can change after the launch.

    Args:
        template: the template of the version.
        given: the message's parameters.
        current: the present values of the stack; empty if there is none yet.
        updates: whether the operation is an UPDATE.
    """
    violations = [
        Violation(item.key, "is not an input of this version: remove it")
        for item in given
        # The user may have chosen to keep the value of an input that this version lacks: that is fine.
        if item.key not in template.parameters and (item.value is not None or item.key not in current)
    ]
    keys = [item.key for item in given]
    violations += [
        Violation(key, "is given twice") for key in sorted({key for key in keys if keys.count(key) > 1})
    ]
    message = {item.key: item.value for item in given if item.value is not None}
    unknown = {item.key for item in given if item.value is None} if updates and not current else set()
    values: dict[str, str] = {}
    for name, declaration in template.parameters.items():
        if name in unknown and name not in message:
            violations.append(
                Violation(name, "has no previous value, because there is no stack yet: give a value")
            )
            continue
        fallback = declaration.default_text
        if name in current:
            fallback = None if declaration.no_echo else current[name]
        value = message.get(name, fallback)
        # Service Catalog sends an empty string if the user left the field empty.
        if value is None or (value == "" and declaration.default_text is None):
            violations.append(Violation(name, f"is required and {_rule(declaration, 'has no default')}"))
            continue
        values[name] = value
        violations += _violations(name, declaration, value)
    return values, violations


def _violations(name: str, declaration: ParameterDeclaration, value: str) -> list[Violation]:
    """Return at most one violation for each element, so each wrong value is one line."""
    found = []
    for element in declaration.elements(value):
        rule = _broken(declaration, element)
        if rule:
            found.append(Violation(name, rule, None if declaration.no_echo else element))
    return found


def _broken(declaration: ParameterDeclaration, element: str) -> str | None:
    if declaration.is_number:
        number = _number(element)
        if number is None:
            return "must be a number"
        if declaration.min_value is not None and number < Decimal(str(declaration.min_value)):
            return _rule(declaration, f"must be at least {declaration.min_value:g}")
        if declaration.max_value is not None and number > Decimal(str(declaration.max_value)):
            return _rule(declaration, f"must be at most {declaration.max_value:g}")
    if declaration.min_length is not None and len(element) < declaration.min_length:
        return _rule(declaration, f"must have at least {declaration.min_length} characters")
    if declaration.max_length is not None and len(element) > declaration.max_length:
        return _rule(declaration, f"must have at most {declaration.max_length} characters")
    if declaration.allowed_values is not None and element not in declaration.allowed_values:
        return _rule(declaration, f"must be one of {', '.join(declaration.allowed_values)}")
    if declaration.allowed_pattern is not None and not re.fullmatch(declaration.allowed_pattern, element):
        return _rule(declaration, f"must match the pattern {declaration.allowed_pattern}")
    return None


def _rule(declaration: ParameterDeclaration, otherwise: str) -> str:
    return declaration.constraint_description or otherwise


def _number(value: str) -> Decimal | None:
    return Decimal(value) if re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?", value) else None
