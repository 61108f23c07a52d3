"""The validation of an operation: from its message to the values of all parameters."""

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
    """Return the values of all parameters, and the version of PostgreSQL. A TERMINATE has none.

    Args:
        account: the account of the launch.
        request: the operation.
        released: the versions that the platform team has released, by the hexadecimal SHA-256 of their files.

    Raises:
        InvalidInputsError: the inputs break rules; the message lists all of them.
        MessageInvalidError: the message is malformed or lacks something.
        StackDeletedError: somebody deleted the stack to update.
        ArtifactNotReleasedError: the platform team has not released the artifact.
        ArtifactInvalidError: the artifact is not a template.
        TemplateUnsuitableError: the template is not one of this product.
        RolesOutdatedError: the version needs newer roles than the account has.
    """
    message = request.read_message()
    if request.kind == "TERMINATE":
        return Validated(parameters={})
    content = artifact.download(account.s3, message.require_artifact())
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
            "Nothing was changed. Choose another version, and tell the platform team: somebody else "
            "published this version, or altered it."
        )
    return released[digest]


def _found(account: Account, request: Request) -> StackTypeDef | None:
    """Return the stack, or raise if an update would replace a deleted one: no violation matters then."""
    stack = stacks.find(account.cloudformation, request.stack_name)
    if stack is None and request.kind == "UPDATE":
        stacks.refuse_to_replace_deleted(account.cloudformation, request.stack_name)
    return stack


def _deployed(stack: StackTypeDef | None) -> StackTypeDef | None:
    """Return a stack, unless it is an empty one that only has a change set."""
    return None if stack is None or stack["StackStatus"] == "REVIEW_IN_PROGRESS" else stack


def _own(account: Account, stack: StackTypeDef | None) -> frozenset[str]:
    if stack is None:
        return frozenset()
    resources = stacks.resources(account.cloudformation, stack["StackId"])
    return frozenset(resource["PhysicalResourceId"] for resource in resources)
