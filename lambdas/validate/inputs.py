"""Validation, from the message to the values of all parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine import artifact, stacks
from engine.account import Account
from engine.models import Request

from validate import account_rules, database_rules, template_rules
from validate.launch import Launch
from validate.violations import refusal

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import StackTypeDef


def validate(account: Account, request: Request) -> dict[str, str]:
    """Return the complete parameters of the operation; none for TERMINATE.

    Raises:
        InvalidInputsError: rules are broken; one message lists them all.
        MessageInvalidError: the message lacks something.
        ArtifactInvalidError: the artifact is no template.
        TemplateUnsuitableError: it is not a template of this product.
    """
    message = request.read_message()
    if request.kind == "TERMINATE":
        return {}
    template = artifact.fetch(account.s3, message.template)
    template_rules.require_product(template)
    stack = _deployed(stacks.find(account.cloudformation, request.stack_name))
    current = stacks.parameters(stack)
    parameters, violations = template_rules.resolve(template, message.parameters, current)
    broken = {violation.input for violation in violations}
    launch = Launch(
        request.stack_name,
        template,
        {name: value for name, value in parameters.items() if name not in broken},
        current,
        _own(account, stack),
    )
    databases = account.databases()
    violations += database_rules.violations(account, launch, databases)
    violations += account_rules.violations(account, launch, databases)
    if violations:
        raise refusal(violations)
    return parameters


def _deployed(stack: StackTypeDef | None) -> StackTypeDef | None:
    """Return a stack unless it is only the shell of a change set nobody has executed."""
    return None if stack is None or stack["StackStatus"] == "REVIEW_IN_PROGRESS" else stack


def _own(account: Account, stack: StackTypeDef | None) -> frozenset[str]:
    if stack is None:
        return frozenset()
    resources = stacks.resources(account.cloudformation, stack["StackId"])
    return frozenset(resource["PhysicalResourceId"] for resource in resources)
