"""The buckets of the account, and what their policies deny."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.s3.models import FakeBucket, S3Backend

from ..iam.policies import listed
from ..moto_seam import Local, patch
from . import urls

# What a bucket policy may ask of a connection. The loopback port stands for the service, which has TLS 1.3.
OF_CONNECTIONS = {"aws:SecureTransport", "s3:TlsVersion"}


class LocalS3(Local, S3Backend):
    """S3, whose answers are in `responses`."""

    @property
    def _url_module(self) -> Any:
        # Every other backend finds it by its own module; moto's S3 names moto's.
        return urls


@patch(FakeBucket, "get_permission")
def _get_permission(_: Callable[..., Any], self: FakeBucket, action: str, resource: str) -> PermissionResult:
    """Say what a bucket's policy allows; moto applies a Deny whether its condition holds or not."""
    statements = listed(json.loads(self.policy)["Statement"]) if self.policy else []
    left = [one for one in statements if not _of_connection(one)]
    if not left:
        return PermissionResult.NEUTRAL
    return IAMPolicy(json.dumps({"Statement": left})).is_action_permitted(action, resource)


def _of_connection(statement: dict[str, Any]) -> bool:
    """Whether a statement denies nothing but connections without TLS, or with an old one."""
    keys = {key for of_operator in statement.get("Condition", {}).values() for key in of_operator}
    return statement["Effect"] == "Deny" and bool(keys) and keys <= OF_CONNECTIONS
