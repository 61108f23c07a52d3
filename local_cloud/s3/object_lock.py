"""S3 Object Lock where moto falls short: until when a version is kept.

S3 API reference, GetObjectRetention; the refusal's words from public reports.
"""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.s3.exceptions import S3ClientError
from moto.s3.responses import S3Response

from ..world import World


class _NotLockedError(S3ClientError):
    status = 404

    def __init__(self) -> None:
        super().__init__(
            "NoSuchObjectLockConfiguration", "The specified object does not have a ObjectLock configuration"
        )


def install(world: World) -> None:
    """Answer GetObjectRetention, which moto takes for GetObject. Call it before the server starts."""

    def get_object(self: S3Response) -> Any:
        if "retention" not in self.querystring:
            return original(self)
        key, _ = self._get_key()
        if key.lock_mode is None:
            raise _NotLockedError
        self.data["Action"] = "GetObjectRetention"
        retention = {"Mode": key.lock_mode, "RetainUntilDate": key.lock_until}
        return self.serialized(ActionResult({"Retention": retention}))

    original = world.patch(S3Response, "get_object", get_object)
