"""The fields of the launch form, made from the template's Parameters section."""

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
    """Service Catalog's request. It has no launch role if no launch constraint applies."""

    artifact: Artifact
    launch_role_arn: Annotated[str, Meta(pattern=rf"^\Z|{ROLE}")] | None = None


def parse(event: dict[str, Any], s3_as: Callable[[str | None], S3Client]) -> dict[str, Any]:
    """Return the parameters of an artifact.

    Args:
        event: Service Catalog's request.
        s3_as: makes an S3 client with a role, or with the function's own role if there is none.

    Raises:
        ParserInvalidParameterException: the request or the artifact is wrong.
        ParserAccessDeniedException: the engine may not assume the role, or the role not read the artifact.
    """
    try:
        request = read(event, ParserRequest)
        template = artifact.fetch(s3_as(request.launch_role_arn or None), request.artifact)
    except MalformedError as defect:
        raise ParserInvalidParameterException(
            f"The engine can't read Service Catalog's request: {defect}."
        ) from None
    except (LaunchRoleDeniedError, ArtifactDeniedError) as error:
        raise ParserAccessDeniedException(str(error)) from error
    except EngineError as error:
        raise ParserInvalidParameterException(str(error)) from error
    return {"parameters": [_field(key, template.parameters[key]) for key in _order(template)]}


def _field(key: str, declaration: ParameterDeclaration) -> dict[str, Any]:
    # Service Catalog can't read a response that leaves one of the five out.
    return {
        "key": key,
        "defaultValue": declaration.default_text or "",
        "type": declaration.type,
        "description": _description(declaration),
        "isNoEcho": declaration.no_echo,
    }


def _order(template: Template) -> list[str]:
    """Return the keys in the order of AWS::CloudFormation::Interface, and after them the others."""
    grouped = [key for group in template.metadata.interface.parameter_groups for key in group.parameters]
    return list(
        dict.fromkeys([key for key in grouped if key in template.parameters] + list(template.parameters))
    )


def _description(declaration: ParameterDeclaration) -> str:
    """Return the description with the limits in words, because the response has no fields for them.

    It begins with "Required." if there is no default, and ends in a full stop. It repeats no limit that the
    template's own description has.
    """
    description = declaration.description.strip()
    if description and description[-1] not in ".!?":
        description += "."
    if declaration.default_text is None and not description.startswith("Required."):
        description = f"Required. {description}".strip()
    limits = []
    if declaration.allowed_values:
        limits.append((declaration.allowed_values, f"One of: {', '.join(declaration.allowed_values)}."))
    for unit, least, most in (
        (" characters", declaration.min_length, declaration.max_length),
        ("", declaration.min_value, declaration.max_value),
    ):
        bounds = [f"{bound:g}" for bound in (least, most) if bound is not None]
        if least is not None and most is not None:
            limits.append((bounds, f"From {bounds[0]} to {bounds[1]}{unit}."))
        elif bounds:
            limits.append((bounds, f"At {'least' if most is None else 'most'} {bounds[0]}{unit}."))
    unsaid = [limit for values, limit in limits if not all(value in description for value in values)]
    return " ".join([*([description] if description else []), *unsaid])
