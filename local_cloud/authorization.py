"""Whether a role may call an action at all: the floor under every service that checks no permissions here.

moto lets every caller do everything. Here a role's session may call an action only if an identity policy of
the role allows that action on some resource. Which resource, and under which conditions, is checked by the
few services that know them (`trust`, `lambda_functions`, Service Catalog), not here. S3 is not covered: its
requests do not say their action.
"""

from __future__ import annotations

import re

from moto.core.responses import BaseResponse
from moto.core.utils import get_service_model

from .policies import Caller, identity_may
from .trust import AccessDenied, caller_of
from .world import World

# "Actions, resources, and condition keys for AWS services": prefixes that differ from the name requests are
# signed with, and actions that differ from the operation.
PREFIXES = {"monitoring": "cloudwatch", "tagging": "tag"}
ACTIONS = {"lambda:Invoke": "lambda:InvokeFunction"}
# What services call the refusal, apart from AccessDenied and, where they speak JSON, AccessDeniedException.
CODES = {"ec2": "UnauthorizedOperation", "sns": "AuthorizationError"}
# "This operation requires no permissions."
FREE = {"sts:GetCallerIdentity", "sts:AssumeRole"}


def install(world: World) -> None:
    """Refuse what no policy of the calling role allows."""

    def authorize(self: BaseResponse, resource: str = "*") -> None:
        original(self, resource)
        authorization = self.headers.get("Authorization", "")
        scope = re.search(r"Credential=[^/\s]+/\d+/[^/]+/([^/]+)/", authorization)
        if scope is None:
            return
        service = PREFIXES.get(scope[1], scope[1])
        action = f"{service}:{self._get_action()}"
        check(caller_of(authorization), ACTIONS.get(action, action), _code(self))

    original = world.patch(BaseResponse, "_authenticate_and_authorize_normal_action", authorize)


def check(caller: Caller, action: str, code: str) -> None:
    """Check that `caller`, if it is a role, may do `action` on something.

    Raises:
        AccessDenied: no policy of the role allows it; the error has the `code` that the service gives it.
    """
    if ":role/" in caller.arn and action not in FREE and not identity_may(caller.arn, action):
        denied = AccessDenied(caller, action, "*")
        denied.code = code
        raise denied


def _code(response: BaseResponse) -> str:
    model = get_service_model(response.boto3_service_name)
    if model.service_name in CODES:
        return CODES[model.service_name]
    return (
        "AccessDeniedException" if "json" in response.determine_response_protocol(model) else "AccessDenied"
    )
