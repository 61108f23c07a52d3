"""Validation, from the message to the values of all parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine import artifact, stacks
from engine.models import Request

from validate import template_rules
from validate.violations import refusal

if TYPE_CHECKING:
    import boto3


def validate(session: boto3.Session, request: Request) -> dict[str, str]:
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
    template = artifact.fetch(session.client("s3"), message.template)
    template_rules.require_product(template)
    cloudformation = session.client("cloudformation")
    stack = stacks.find(cloudformation, request.stack_name)
    parameters, violations = template_rules.resolve(template, message.parameters, stacks.parameters(stack))
    if violations:
        raise refusal(violations)
    return parameters
