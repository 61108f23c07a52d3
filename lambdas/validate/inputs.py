"""Validation, from the message to the values of all parameters."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from engine import artifact, stacks
from engine.account import Account
from engine.errors import ArtifactNotReleasedError
from engine.models import Request, Validated

from validate import account_rules, database_rules, postgresql_rules, roles, template_rules
from validate.launch import DATABASE, Launch
from validate.violations import refusal

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import StackTypeDef


def validate(account: Account, request: Request, released: Mapping[str, str]) -> Validated:
    """Return the complete parameters of the operation, and what it means for the engine; TERMINATE has none.

    Args:
        account: the account of the launch.
        request: the operation.
        released: the versions that the platform team has released, by the SHA-256 of their templates in
            hexadecimal.

    Raises:
        InvalidInputsError: rules are broken; one message lists them all.
        MessageInvalidError: the message lacks something.
        StackDeletedError: the stack to update was deleted.
        ArtifactNotReleasedError: the artifact is none of the released ones.
        ArtifactInvalidError: the artifact is no template.
        TemplateUnsuitableError: it is not a template of this product.
        RolesOutdatedError: the account's roles are older than those that the version needs.
    """
    message = request.read_message()
    if request.kind == "TERMINATE":
        return Validated(parameters={})
    content = artifact.download(account.s3, message.template)
    product_version = _released_version(content, released)
    template = artifact.parse(content)
    template_rules.require_product(template)
    stack = _deployed(_found(account, request))
    roles.require(account, template, product_version, message.launch_role_arn)
    current = stacks.parameters(stack)
    parameters, violations = template_rules.resolve(
        template, message.parameters, current, updates=request.kind == "UPDATE"
    )
    broken = {violation.input for violation in violations}
    launch = Launch(
        request.stack_name,
        template,
        {name: value for name, value in parameters.items() if name not in broken},
        current,
        _own(account, stack),
    )
    databases = account.databases()
    database = next((each for each in databases if each["DBInstanceIdentifier"] in launch.own), None)
    of_version = postgresql_rules.violations(account, launch, database)
    violations += of_version + database_rules.violations(launch, database)
    if not any(violation.input == postgresql_rules.VERSION for violation in of_version):
        violations += database_rules.not_offered(account, launch, database)
    violations += account_rules.violations(account, launch, databases)
    if violations:
        raise refusal(violations)
    version = launch.given(DATABASE, "EngineVersion")
    return Validated(
        parameters=parameters,
        product_version=product_version,
        engine_version=version.value if version else None,
        major_upgrade=postgresql_rules.major_upgrade(launch, database) is not None,
    )


def _released_version(content: bytes, released: Mapping[str, str]) -> str:
    digest = hashlib.sha256(content).hexdigest()
    if digest not in released:
        raise ArtifactNotReleasedError(
            f"The platform team has not released this version's template: its SHA-256 is {digest}. "
            "Nothing was changed. Choose another version, and tell the platform team, because somebody has "
            "published this one past them or has altered it."
        )
    return released[digest]


def _found(account: Account, request: Request) -> StackTypeDef | None:
    """Return the stack; of one that was deleted nothing else is worth saying to an update."""
    stack = stacks.find(account.cloudformation, request.stack_name)
    if stack is None and request.kind == "UPDATE":
        stacks.refuse_to_replace_deleted(account.cloudformation, request.stack_name)
    return stack


def _deployed(stack: StackTypeDef | None) -> StackTypeDef | None:
    """Return a stack unless it is only the shell of a change set nobody has executed."""
    return None if stack is None or stack["StackStatus"] == "REVIEW_IN_PROGRESS" else stack


def _own(account: Account, stack: StackTypeDef | None) -> frozenset[str]:
    if stack is None:
        return frozenset()
    resources = stacks.resources(account.cloudformation, stack["StackId"])
    return frozenset(resource["PhysicalResourceId"] for resource in resources)
