"""Artifacts: Service Catalog reads a template from its URL, keeps it, and publishes copies in S3."""

from __future__ import annotations

import hashlib
import re
import time
import uuid
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

from botocore.exceptions import ClientError
from moto.s3.models import s3_backends

from local_cloud.account import ACCOUNT_ID, REGION
from local_cloud.iam.policies import Caller, identity_allows, resource_grants
from local_cloud.moto_seam import Local

from .calls import Call
from .errors import InvalidParametersError
from .principals import Principal
from .resources import Artifact, Product

# The bucket belongs to an account of Service Catalog's, so ListBuckets does not show it to users.
_OWNER = "300000000000"
_HOST = re.compile(r"((?P<bucket>.+)\.)?s3([.-][a-z0-9-]+)?\.amazonaws\.com")


@dataclass(frozen=True)
class _Location:
    bucket: str
    key: str
    version: str | None


def read_template(call: Call, url: str) -> bytes:
    """Return what an https S3 URL holds, read with the caller's permissions.

    Raises:
        InvalidParametersError: the URL is of another form, has no object, or the caller may not read it.
    """
    location = _locate(url)
    if not _may_read(call.caller, location):
        raise InvalidParametersError(f"Access denied while reading the template from {url}.")
    version = {"VersionId": location.version} if location.version else {}
    s3 = call.service.identity.client("s3")
    try:
        content: bytes = s3.get_object(Bucket=location.bucket, Key=location.key, **version)["Body"].read()
    except ClientError as error:
        raise InvalidParametersError(f"Could not read the template from {url}: {error}") from error
    return content


def publish(product: Product, artifact: Artifact) -> str:
    """Put a new copy of a version where launch roles may read it, and return `bucket/key`.

    Each request gets its own key, without an extension. Launch roles have a condition on the copy's tag in
    their s3:GetObject.
    """
    s3 = s3_backends[_OWNER]["aws"]
    bucket = f"sc-{_hash(ACCOUNT_ID, REGION)}-{REGION}"
    if bucket not in s3.buckets:
        s3.create_bucket(bucket, REGION)
    version = "-".join(_hash(part) for part in (product.id, artifact.id, ACCOUNT_ID))
    key = f"out/{_hash(ACCOUNT_ID)}/{version}-{time.time_ns() // 1_000_000}-{uuid.uuid4()}"
    copy = s3.put_object(bucket, key, artifact.content)
    s3.put_object_tagging(copy, {"servicecatalog:provisioning": "true"})
    return f"{bucket}/{key}"


def _may_read(caller: Principal, location: _Location) -> bool:
    if ":role/" not in caller.arn:
        return True  # the administrator of the local cloud
    asking = Caller(ACCOUNT_ID, caller.arn, caller.session_arn)
    action, arn = "s3:GetObject", f"arn:aws:s3:::{location.bucket}/{location.key}"
    if identity_allows(caller.arn, action, arn, asking):
        return True
    try:
        policy = Local.identity.client("s3").get_bucket_policy(Bucket=location.bucket)["Policy"]
    except ClientError:  # the bucket has no policy, or does not exist
        return False
    return resource_grants(policy, action, arn, asking)


def _locate(url: str) -> _Location:
    parts = urlsplit(url)
    host = _HOST.fullmatch(parts.hostname or "")
    path = unquote(parts.path).lstrip("/")
    bucket, key = (host["bucket"], path) if host and host["bucket"] else path.partition("/")[::2]
    if parts.scheme != "https" or host is None or not bucket or not key:
        raise InvalidParametersError(
            f"Invalid templateUrl {url}: it must be an https URL of an object in S3."
        )
    return _Location(bucket, key, parse_qs(parts.query).get("versionId", [None])[0])


def _hash(*parts: str) -> str:
    return hashlib.sha256("/".join(parts).encode()).hexdigest()[:32]
