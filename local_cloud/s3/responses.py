"""S3's API over HTTP: identity policies decide what roles may do, and GetObjectRetention answers."""

from __future__ import annotations

from dataclasses import replace

import xmltodict  # type: ignore[import-untyped]  # xmltodict has no types
from moto.core.common_types import TYPE_RESPONSE
from moto.core.responses import ActionResult
from moto.s3.exceptions import S3AccessDeniedError, S3ClientError
from moto.s3.models import s3_backends
from moto.s3.responses import S3Response

from ..account import ACCOUNT_ID
from ..iam.policies import Caller, identity_allows
from ..iam.trust import AccessDenied, caller_of

# Actions that differ from the operation ("Actions, resources, and condition keys for Amazon S3").
_ACTIONS = {
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


class _NotLockedError(S3ClientError):
    status = 404

    def __init__(self) -> None:
        super().__init__(
            "NoSuchObjectLockConfiguration", "The specified object does not have a ObjectLock configuration"
        )


class LocalS3Response(S3Response):
    """Refuses what no policy of the calling role allows. Answers GetObjectRetention, which moto lacks."""

    def _authenticate_and_authorize_s3_action(
        self, bucket_name: str | None = None, key_name: str | None = None
    ) -> None:
        super()._authenticate_and_authorize_s3_action(bucket_name, key_name)
        caller = self._caller
        operation = self._get_action_from_method_and_request_uri(self.normalized_request)
        if ":role/" not in caller.arn or operation is None:
            return
        bucket = f"arn:aws:s3:::{bucket_name or '*'}"
        if operation == "DeleteObjects":
            asked = [(action, f"{bucket}/{key}") for action, key in _deletions(self.body)]
        else:
            asked = [(_ACTIONS.get(operation, operation), f"{bucket}/{key_name}" if key_name else bucket)]
        for action, arn in asked:
            # `get_object` checks GetObject.
            if action != "GetObject" and not identity_allows(caller.arn, f"s3:{action}", arn, caller):
                denied = S3AccessDeniedError()
                # Within an account, S3's refusals have the details (User Guide, "Access denied (403
                # Forbidden)").
                denied.message = AccessDenied(caller, f"s3:{action}", arn).message
                raise denied

    def get_object(self) -> TYPE_RESPONSE:
        """Answer GetObject, and GetObjectRetention, which moto takes for GetObject.

        For an object of another account, a role needs a policy of its own, which may have a condition on the
        object's tags. Here every role may read the objects of its own account.
        """
        owner = s3_backends.bucket_accounts.get(self.bucket_name)
        caller = self._caller
        if owner and owner[1] != ACCOUNT_ID and ":role/" in caller.arn:
            of_owner = s3_backends[owner[1]]["aws"]
            found = of_owner.get_object(self.bucket_name, self.parse_key_name())
            tags = of_owner.tagger.get_tag_dict_for_resource(found.arn) if found else {}
            asking = replace(
                caller, context={f"s3:ExistingObjectTag/{key}": value for key, value in tags.items()}
            )
            arn = f"arn:aws:s3:::{self.bucket_name}/{self.parse_key_name()}"
            if not identity_allows(caller.arn, "s3:GetObject", arn, asking):
                raise S3AccessDeniedError
        return self._get_object_retention() if "retention" in self.querystring else super().get_object()

    def _get_object_retention(self) -> TYPE_RESPONSE:
        """Answer as in the S3 API reference. The words of the refusal are from public reports."""
        key, _ = self._get_key()
        if key.lock_mode is None:
            raise _NotLockedError
        self.data["Action"] = "GetObjectRetention"
        retention = {"Mode": key.lock_mode, "RetainUntilDate": key.lock_until}
        return self.serialized(ActionResult({"Retention": retention}))

    @property
    def _caller(self) -> Caller:
        return caller_of(self.headers.get("Authorization", ""))


def _deletions(body: bytes) -> list[tuple[str, str]]:
    """Return each action and key that a DeleteObjects request needs.

    A version needs s3:DeleteObject, too (S3 API Reference, "DeleteObjects", Permissions).
    """
    found = xmltodict.parse(body, force_list=("Object",))["Delete"]["Object"]
    return [("DeleteObject", item["Key"]) for item in found] + [
        ("DeleteObjectVersion", item["Key"]) for item in found if item.get("VersionId")
    ]
