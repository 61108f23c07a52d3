"""S3's buckets, and what their policies deny."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.s3.models import FakeBucket, S3Backend

from ..iam.policies import listed
from ..moto_seam import Local, patch
from . import urls

# Condition keys about the connection. A request to the loopback port counts as one with TLS 1.3.
OF_CONNECTIONS = {"aws:SecureTransport", "s3:TlsVersion"}


class LocalS3(Local, S3Backend):
    """S3. What differs from moto is in `responses`."""

    @property
    def _url_module(self) -> Any:
        # moto derives this from the backend's module, except for S3, where it always takes its own.
        return urls


@patch(FakeBucket, "get_permission")
def _get_permission(_: Callable[..., Any], self: FakeBucket, action: str, resource: str) -> PermissionResult:
    """Say what a bucket's policy allows. moto ignores conditions, so it would apply every Deny."""
    statements = listed(json.loads(self.policy)["Statement"]) if self.policy else []
    left = [one for one in statements if not _of_connection(one)]
    if not left:
        return PermissionResult.NEUTRAL
    return IAMPolicy(json.dumps({"Statement": left})).is_action_permitted(action, resource)


def _of_connection(statement: dict[str, Any]) -> bool:
    """Say whether a statement denies only connections without TLS, or with an old version."""
    keys = {key for of_operator in statement.get("Condition", {}).values() for key in of_operator}
    return statement["Effect"] == "Deny" and bool(keys) and keys <= OF_CONNECTIONS
