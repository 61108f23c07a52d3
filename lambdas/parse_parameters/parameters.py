"""The launch form's fields, made from the template's Parameters block."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

from engine import artifact
from engine.errors import (
    ArtifactDeniedError,
    EngineError,
    LaunchRoleDeniedError,
    ParserAccessDeniedException,
    ParserInvalidParameterException,
)
from engine.models import ROLE, Artifact, Model
from engine.template import ParameterDeclaration, Template
from engine.wire import MalformedError, read
from msgspec import Meta

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class ParserRequest(Model, frozen=True):
    """What Service Catalog asks with. It names no launch role where no launch constraint applies."""

    artifact: Artifact
    launch_role_arn: Annotated[str, Meta(pattern=rf"^\Z|{ROLE}")] | None = None


def parse(event: dict[str, Any], s3_as: Callable[[str | None], S3Client]) -> dict[str, Any]:
    """Return the parameters of an artifact.

    Args:
        event: Service Catalog's request.
        s3_as: gives an S3 client as a role, or as ourselves without one.

    Raises:
        ParserInvalidParameterException: the request or the artifact is wrong.
        ParserAccessDeniedException: the role can't be assumed, or may not read the artifact.
    """
    try:
        request = read(event, ParserRequest)
        template = artifact.fetch(s3_as(request.launch_role_arn or None), request.artifact)
    except MalformedError as defect:
        raise ParserInvalidParameterException(f"Request to parse parameters: {defect}.") from None
    except (LaunchRoleDeniedError, ArtifactDeniedError) as error:
        raise ParserAccessDeniedException(str(error)) from error
    except EngineError as error:
        raise ParserInvalidParameterException(str(error)) from error
    return {"parameters": [_field(key, template.parameters[key]) for key in _order(template)]}


def _field(key: str, rules: ParameterDeclaration) -> dict[str, Any]:
    # All five, always: Service Catalog can't read a response that leaves one out.
    return {
        "key": key,
        "defaultValue": rules.default_text or "",
        "type": rules.type,
        "description": _description(rules),
        "isNoEcho": rules.no_echo,
    }


def _order(template: Template) -> list[str]:
    """Return the keys as AWS::CloudFormation::Interface groups them, the others after them."""
    grouped = [key for group in template.metadata.interface.parameter_groups for key in group.parameters]
    return list(
        dict.fromkeys([key for key in grouped if key in template.parameters] + list(template.parameters))
    )


def _description(rules: ParameterDeclaration) -> str:
    """Return the description with the limits in words: Service Catalog's response has no field for them.

    It begins with "Required." where nothing is preset, and ends in a full stop. What the template says itself
    is not repeated.
    """
    description = rules.description.strip()
    if description and description[-1] not in ".!?":
        description += "."
    if rules.default_text is None and not description.startswith("Required."):
        description = f"Required. {description}".strip()
    limits = []
    if rules.allowed_values:
        limits.append((rules.allowed_values, f"One of: {', '.join(rules.allowed_values)}."))
    for unit, least, most in (
        (" characters", rules.min_length, rules.max_length),
        ("", rules.min_value, rules.max_value),
    ):
        bounds = [f"{bound:g}" for bound in (least, most) if bound is not None]
        if least is not None and most is not None:
            limits.append((bounds, f"From {bounds[0]} to {bounds[1]}{unit}."))
        elif bounds:
            limits.append((bounds, f"At {'least' if most is None else 'most'} {bounds[0]}{unit}."))
    unsaid = [limit for values, limit in limits if not all(value in description for value in values)]
    return " ".join([*([description] if description else []), *unsaid])
