"""Whether a role may make a request, on the very resources and under the conditions that it is about.

moto lets every caller do everything. Here a role's session may do what its identity policies allow, as far as
`access` knows what a request asks for; with a KMS key, what the key's policy allows (`kms.key_policy`).
Policies of other resources are checked by the few services that know them (`sqs`, `trust`,
`lambda_functions`, `notifications`, Service Catalog).
"""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import replace
from typing import Any

import xmltodict  # type: ignore[import-untyped]
from moto.core.exceptions import ServiceException
from moto.core.responses import BaseResponse
from moto.core.utils import get_service_model
from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.s3.exceptions import S3AccessDeniedError
from moto.s3.models import FakeBucket
from moto.s3.responses import S3Response

from ..cloudformation.api import CloudFormationApi
from ..kms import key_policy
from ..kms.models import find_key
from ..sqs.queue_policy import BATCHES, check_policy
from ..world import World
from . import policies
from .access import Access, accesses, parameters_of
from .policies import Caller, identity_allows, identity_may
from .trust import AccessDenied, caller_of

# "Actions, resources, and condition keys for AWS services": prefixes that differ from the name requests are
# signed with, and actions that differ from the operation.
PREFIXES = {"monitoring": "cloudwatch", "tagging": "tag"}
ACTIONS = {
    "lambda:Invoke": "lambda:InvokeFunction",
    **{f"sqs:{batch}": f"sqs:{operation}" for batch, operation in BATCHES.items()},
}
S3_ACTIONS = {
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration",
    "DeleteBucketTagging": "PutBucketTagging",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "HeadBucket": "ListBucket",
    "HeadObject": "GetObject",
    "ListObjectVersions": "ListBucketVersions",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
}
# What services call the refusal, apart from AccessDenied and, where they speak JSON, AccessDeniedException.
CODES = {"ec2": "UnauthorizedOperation", "sns": "AuthorizationError"}
# What a bucket policy may ask of a connection. The loopback port stands for the service, which has TLS 1.3.
OF_CONNECTIONS = {"aws:SecureTransport", "s3:TlsVersion"}
# "This operation requires no permissions."
FREE = {"sts:GetCallerIdentity", "sts:AssumeRole"}


def install(world: World) -> None:
    """Refuse what no policy of the calling role allows, and note what was asked in `world.identity.asked`."""

    def authorize(self: BaseResponse, resource: str = "*") -> None:
        original(self, resource)
        caller = caller_of(self.headers.get("Authorization", ""))
        scope = re.search(r"Credential=[^/\s]+/\d+/[^/]+/([^/]+)/", self.headers.get("Authorization", ""))
        if scope is None:
            return
        service, operation = PREFIXES.get(scope[1], scope[1]), self._get_action()
        if service == "sqs":
            check_policy(self, caller, operation)
        if ":role/" not in caller.arn:
            return
        if f"{service}:{operation}" in FREE:
            return
        for access in accesses(service, operation, _parameters(self)):
            check(caller, replace(access, action=ACTIONS.get(access.action, access.action)), _code(self))

    def authorize_s3(self: S3Response, bucket_name: str | None = None, key_name: str | None = None) -> None:
        original_s3(self, bucket_name, key_name)
        caller = caller_of(self.headers.get("Authorization", ""))
        operation = self._get_action_from_method_and_request_uri(self.normalized_request)
        if ":role/" not in caller.arn or operation is None:
            return
        bucket = f"arn:aws:s3:::{bucket_name or '*'}"
        if operation == "DeleteObjects":
            asked = [(action, f"{bucket}/{key}") for action, key in _deletions(self.body)]
        else:
            asked = [(S3_ACTIONS.get(operation, operation), f"{bucket}/{key_name}" if key_name else bucket)]
        for action, arn in asked:
            # Objects are read under a condition on their tags, which Service Catalog checks for its own.
            if action != "GetObject" and not identity_allows(caller.arn, f"s3:{action}", arn, caller):
                denied = S3AccessDeniedError()
                # Within an account S3 says what it refused (User Guide, "Access denied (403 Forbidden)").
                denied.message = AccessDenied(caller, f"s3:{action}", arn).message
                raise denied

    def note(role_arn: str, action: str, resource: str, caller: Caller, allowed: bool) -> None:
        context = tuple(sorted(caller.context.items()))
        world.identity.asked[role_arn, action, resource, context] = allowed

    def bucket_permission(self: FakeBucket, action: str, resource: str) -> PermissionResult:
        # moto applies a Deny whether its condition holds or not.
        statements = policies.listed(json.loads(self.policy)["Statement"]) if self.policy else []
        left = [one for one in statements if not _of_connection(one)]
        if not left:
            return PermissionResult.NEUTRAL
        return IAMPolicy(json.dumps({"Statement": left})).is_action_permitted(action, resource)

    world.patch(FakeBucket, "get_permission", bucket_permission)
    original = world.patch(BaseResponse, "_authenticate_and_authorize_normal_action", authorize)
    original_s3 = world.patch(S3Response, "_authenticate_and_authorize_s3_action", authorize_s3)
    policies.observers.append(note)
    world.at_stop.append(lambda: policies.observers.remove(note))


def _of_connection(statement: dict[str, Any]) -> bool:
    """Whether a statement denies nothing but connections without TLS, or with an old one."""
    keys = {key for of_operator in statement.get("Condition", {}).values() for key in of_operator}
    return statement["Effect"] == "Deny" and bool(keys) and keys <= OF_CONNECTIONS


def check(caller: Caller, access: Access, code: str) -> None:
    """Check that the role of `caller` may have `access`.

    Raises:
        AccessDenied: no policy of the role allows it; the error has the `code` that the service gives it.
    """
    if not _allowed(replace(caller, context={**caller.context, **access.context}), access):
        denied = AccessDenied(caller, access.action, access.resource or "*")
        denied.code = code
        raise denied


def _allowed(caller: Caller, access: Access) -> bool:
    if access.resource is None:
        return identity_may(caller.arn, access.action)
    if ":key/" in access.resource and (key := find_key(access.resource)):
        return key_policy.allows(key, access.action, caller)
    return identity_allows(caller.arn, access.action, access.resource, caller)


def _deletions(body: bytes) -> list[tuple[str, str]]:
    """Return each action and key that a DeleteObjects request needs.

    DeleteObject is needed for a version, too (S3 API Reference, "DeleteObjects", Permissions).
    """
    found = xmltodict.parse(body, force_list=("Object",))["Delete"]["Object"]
    return [("DeleteObject", item["Key"]) for item in found] + [
        ("DeleteObjectVersion", item["Key"]) for item in found if item.get("VersionId")
    ]


def _parameters(response: BaseResponse) -> dict[str, Any]:
    parameters = parameters_of(response)
    if isinstance(response, CloudFormationApi) and str(parameters.get("ChangeSetName")).startswith("arn:"):
        # A change set may be named by its ARN alone; the resource is its stack.
        with contextlib.suppress(ServiceException):
            parameters["StackName"] = response.service.change_sets.find(parameters)[0].id
    return parameters


def _code(response: BaseResponse) -> str:
    model = get_service_model(response.boto3_service_name)
    if model.service_name in CODES:
        return CODES[model.service_name]
    return (
        "AccessDeniedException" if "json" in response.determine_response_protocol(model) else "AccessDenied"
    )
