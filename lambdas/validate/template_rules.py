"""The rules that the template's Parameters block states, applied as CloudFormation would."""

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
        TemplateUnsuitableError: it lacks what the engine works with.
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
    """Return the value of every parameter, and the rules that are broken.

    What the message leaves out, or has no value for, stays as the stack has it, else it is the template's
    default. A value that may not be echoed can't be read back from the stack: it has to be given each time.
    While there is no stack, nobody knows the value that an update is to keep (UsePreviousValue, which arrives
    as no value): the default in its place could be one that can't be changed after the launch.

    Args:
        template: the version to launch.
        given: the message's parameters.
        current: the values the stack has, if there is one.
        updates: whether the operation is an UPDATE.
    """
    violations = [
        Violation(item.key, "is not an input of this version: remove it")
        for item in given
        # To keep the value of an input that this version dropped is nothing to refuse.
        if item.key not in template.parameters and (item.value is not None or item.key not in current)
    ]
    keys = [item.key for item in given]
    violations += [
        Violation(key, "is given twice") for key in sorted({key for key in keys if keys.count(key) > 1})
    ]
    message = {item.key: item.value for item in given if item.value is not None}
    unknown = {item.key for item in given if item.value is None} if updates and not current else set()
    values: dict[str, str] = {}
    for name, rules in template.parameters.items():
        if name in unknown and name not in message:
            violations.append(Violation(name, "has no previous value, as there is no stack yet: give it"))
            continue
        fallback = rules.default_text
        if name in current:
            fallback = None if rules.no_echo else current[name]
        value = message.get(name, fallback)
        # Service Catalog sends an empty string where the form was left empty.
        if value is None or (value == "" and rules.default_text is None):
            violations.append(Violation(name, f"is required and {_rule(rules, 'has no default')}"))
            continue
        values[name] = value
        violations += _violations(name, rules, value)
    return values, violations


def _violations(name: str, rules: ParameterDeclaration, value: str) -> list[Violation]:
    """Return at most one violation for each element, so that one wrong value is one line."""
    found = []
    for element in rules.elements(value):
        rule = _broken(rules, element)
        if rule:
            found.append(Violation(name, rule, None if rules.no_echo else element))
    return found


def _broken(rules: ParameterDeclaration, element: str) -> str | None:
    if rules.is_number:
        number = _number(element)
        if number is None:
            return "must be a number"
        if rules.min_value is not None and number < Decimal(str(rules.min_value)):
            return _rule(rules, f"must be at least {rules.min_value:g}")
        if rules.max_value is not None and number > Decimal(str(rules.max_value)):
            return _rule(rules, f"must be at most {rules.max_value:g}")
    if rules.min_length is not None and len(element) < rules.min_length:
        return _rule(rules, f"must have at least {rules.min_length} characters")
    if rules.max_length is not None and len(element) > rules.max_length:
        return _rule(rules, f"must have at most {rules.max_length} characters")
    if rules.allowed_values is not None and element not in rules.allowed_values:
        return _rule(rules, f"must be one of {', '.join(rules.allowed_values)}")
    if rules.allowed_pattern is not None and not re.fullmatch(rules.allowed_pattern, element):
        return _rule(rules, f"must match the pattern {rules.allowed_pattern}")
    return None


def _rule(rules: ParameterDeclaration, otherwise: str) -> str:
    return rules.constraint_description or otherwise


def _number(value: str) -> Decimal | None:
    return Decimal(value) if re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?", value) else None
