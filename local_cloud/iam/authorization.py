"""Decides whether a role may make a request, by its resources and condition keys.

moto allows every request. Here a role's session may do what its identity policies allow. `access` knows what
a request needs, `kms.key_policy` what a key policy allows, and `s3.responses` checks requests to S3. The
services whose resources have policies check those: `sqs`, `iam.sts`, `lambda_`, `sns`, Service Catalog.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from moto.core.authorization import ActionAuthenticatorMixin
from moto.core.exceptions import ServiceException
from moto.core.responses import BaseResponse
from moto.core.utils import get_service_model

from ..cloudformation.responses import LocalCloudFormationResponse
from ..kms import key_policy
from ..kms.models import find_key
from ..moto_seam import patch
from ..sqs.queue_policy import BATCHES, check_policy
from .access import Access, accesses, parameters_of
from .policies import Caller, identity_allows, identity_may
from .trust import AccessDenied, caller_of

# "Actions, resources, and condition keys for AWS services": prefixes that differ from the name in the
# signature, and actions that differ from the operation.
PREFIXES = {"monitoring": "cloudwatch", "tagging": "tag"}
ACTIONS = {
    "lambda:Invoke": "lambda:InvokeFunction",
    **{f"sqs:{batch}": f"sqs:{operation}" for batch, operation in BATCHES.items()},
}
# Error codes of services other than AccessDenied, and AccessDeniedException of those that speak JSON.
CODES = {"ec2": "UnauthorizedOperation", "sns": "AuthorizationError"}
# "This operation requires no permissions."
FREE = {"sts:GetCallerIdentity", "sts:AssumeRole"}


@patch(ActionAuthenticatorMixin, "_authenticate_and_authorize_normal_action")
def _authorize(original: Callable[..., None], self: BaseResponse, resource: str = "*") -> None:
    """Refuse a request that no policy of the calling role allows."""
    original(self, resource)
    caller = caller_of(self.headers.get("Authorization", ""))
    scope = re.search(r"Credential=[^/\s]+/\d+/[^/]+/([^/]+)/", self.headers.get("Authorization", ""))
    if scope is None:
        return
    service, operation = PREFIXES.get(scope[1], scope[1]), self._get_action()
    if service == "sqs":
        check_policy(self, caller, operation)
    if ":role/" not in caller.arn or f"{service}:{operation}" in FREE:
        return
    for access in accesses(service, operation, _parameters(self)):
        check(caller, replace(access, action=ACTIONS.get(access.action, access.action)), _code(self))


def check(caller: Caller, access: Access, code: str) -> None:
    """Check that the role of `caller` may have `access`.

    Raises:
        AccessDenied: no policy of the role allows it. The error has the service's own `code`.
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


def _parameters(response: BaseResponse) -> dict[str, Any]:
    parameters = parameters_of(response)
    if isinstance(response, LocalCloudFormationResponse) and str(parameters.get("ChangeSetName")).startswith(
        "arn:"
    ):
        # A request may name a change set by its ARN alone. The resource is its stack.
        with contextlib.suppress(ServiceException):
            parameters["StackName"] = response.backend.change_sets.find(parameters)[0].id
    return parameters


def _code(response: BaseResponse) -> str:
    model = get_service_model(response.boto3_service_name)
    if model.service_name in CODES:
        return CODES[model.service_name]
    return (
        "AccessDeniedException" if "json" in response.determine_response_protocol(model) else "AccessDenied"
    )
