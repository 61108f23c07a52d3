"""Reads the template, the parameters and the role of a request."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote, urlparse

from botocore.exceptions import ClientError

from ..moto_seam import Local
from .errors import InsufficientCapabilitiesError, NotEmulatedError, ValidationError
from .evaluation import Evaluation, client_of
from .parameters import resolve_parameters
from .provider import Types
from .stack import Specification, Stack
from .template import BODY_LIMIT, URL_LIMIT, Template

Request = dict[str, Any]
_NOT_EMULATED = (
    "NotificationARNs", "RollbackConfiguration", "ResourceTypes", "ResourcesToImport",
    "ImportExistingResources", "IncludeNestedStacks", "DeploymentConfig", "DeploymentMode", "StackPolicyURL",
    "StackPolicyDuringUpdateBody", "StackPolicyDuringUpdateURL",
)  # fmt: skip


class RequestReader:
    """Reads requests with the permissions of their callers.

    The callers of its methods are role ARNs; None is the account's administrator.
    """

    def __init__(self, types: Types) -> None:
        self.types = types

    def template(
        self, request: Request, caller: str | None, previous: Specification | None = None
    ) -> Template:
        """Read the request's template: body, URL or the previous one. Raises ValidationError."""
        given = [key for key in ("TemplateBody", "TemplateURL") if request.get(key)]
        if request.get("UsePreviousTemplate") and not given and previous:
            return previous.template
        if len(given) != 1:
            raise ValidationError("Either Template URL or Template Body must be specified.")
        if given == ["TemplateBody"]:
            body, limit, place = request["TemplateBody"], BODY_LIMIT, "templateBody"
        else:
            body, limit, place = self._download(request["TemplateURL"], caller), URL_LIMIT, "templateURL"
        if len(body.encode()) > limit:
            raise ValidationError(
                f"1 validation error detected: Value at '{place}' failed to satisfy constraint: Member "
                f"must have length less than or equal to {limit}"
            )
        template = Template(body)
        template.validate({name: provider.attributes for name, provider in self.types.providers.items()})
        return template

    def _download(self, url: str, caller: str | None) -> str:
        bucket, key = _s3_location(url)
        try:
            answer = client_of("s3", caller).get_object(Bucket=bucket, Key=key)
        except ClientError as error:
            raise ValidationError(f"S3 error: {error.response['Error'].get('Message', '')}") from None
        body: bytes = answer["Body"].read()
        return body.decode()

    def specification(self, request: Request, stack: Stack | None, caller: str | None) -> Specification:
        """Return the specification that a request asks for. `stack` has the previous values.

        Raises ValidationError, InsufficientCapabilitiesError or NotEmulatedError.
        """
        for key in _NOT_EMULATED:
            if request.get(key):
                raise NotEmulatedError(f"the parameter {key}")
        previous = stack.specification if stack else None
        template = self.template(request, caller, previous)

        def read_ssm(name: str) -> str:
            try:
                answer = client_of("ssm", caller).get_parameter(Name=name)
            except ClientError:
                raise ValidationError(
                    f"Unable to fetch parameters [{name}] from parameter store for this account."
                ) from None
            return str(answer["Parameter"]["Value"])

        parameters = resolve_parameters(
            template.parameters,
            request.get("Parameters", []),
            previous.parameters if previous else {},
            read_ssm,
        )
        capabilities = tuple(request.get("Capabilities", []))
        needed, _ = template.capabilities
        agreed = {"CAPABILITY_NAMED_IAM", needed} if needed == "CAPABILITY_IAM" else {needed}
        if needed and not agreed & set(capabilities):
            raise InsufficientCapabilitiesError(f"Requires capabilities : [{needed}]")
        if "Tags" in request or previous is None:
            tags = {tag["Key"]: tag["Value"] for tag in request.get("Tags", [])}
        else:
            tags = dict(previous.tags)
        specification = Specification(template, parameters, tags, capabilities)
        self._check_rules(specification)
        return specification

    def _check_rules(self, specification: Specification) -> None:
        stack = Stack("rules", "rules", None)
        evaluator = Evaluation(self.types, stack, specification).evaluator()
        for rule in specification.template.rules.values():
            if "RuleCondition" in rule and not evaluator.resolve(rule["RuleCondition"]):
                continue
            for assertion in rule["Assertions"]:
                if not evaluator.resolve(assertion["Assert"]):
                    raise ValidationError(
                        "Template validation error: "
                        f"{assertion.get('AssertDescription', 'Rule assertion failed')}"
                    )

    def role(self, request: Request, remembered: str | None = None) -> str | None:
        """Return the service role that the request names, or else the one that the stack has.

        Raises ValidationError unless it exists and trusts CloudFormation.
        """
        role_arn: str | None = request.get("RoleARN", remembered)
        if role_arn is None:
            return None
        try:
            role = Local.identity.client("iam").get_role(RoleName=role_arn.rsplit("/", 1)[-1])["Role"]
            trusted = role["Arn"] == role_arn and _trusts_cloudformation(role["AssumeRolePolicyDocument"])
        except ClientError:
            trusted = False
        if not trusted:
            raise ValidationError(f"Role {role_arn} is invalid or cannot be assumed")
        return role_arn


def _trusts_cloudformation(document: Any) -> bool:
    document = json.loads(unquote(document)) if isinstance(document, str) else document
    for statement in document["Statement"]:
        services = statement.get("Principal", {}).get("Service", [])
        actions = statement.get("Action", [])
        trusted = "cloudformation.amazonaws.com" in ([services] if isinstance(services, str) else services)
        allowed = "sts:AssumeRole" in ([actions] if isinstance(actions, str) else actions)
        if statement["Effect"] == "Allow" and trusted and allowed:
            return True
    return False


def _s3_location(url: str) -> tuple[str, str]:
    """Bucket and key of an S3 URL, path style or virtual-hosted (`bucket.s3.region...`)."""
    parts = urlparse(url)
    host, path = parts.netloc, unquote(parts.path.lstrip("/"))
    if parts.scheme == "https" and host.endswith(".amazonaws.com"):
        if host.startswith(("s3.", "s3-")):
            bucket, _, key = path.partition("/")
            return bucket, key
        for marker in (".s3.", ".s3-"):
            if marker in host:
                return host.partition(marker)[0], path
    raise ValidationError("TemplateURL must be a supported URL.")
