"""The file of a version: Service Catalog's copy in S3."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import quote

from botocore.exceptions import ClientError

from engine.errors import ArtifactDeniedError, ArtifactInvalidError, ArtifactMissingError
from engine.models import Artifact
from engine.template import Template

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# CloudFormation's quota for a template in S3 ("Template body size in an Amazon S3 object", 1 MB).
_LARGEST_BYTES = 1024 * 1024


def fetch(s3: S3Client, artifact: Artifact) -> Template:
    """Download a template. It raises what `download` and `parse` raise."""
    return parse(download(s3, artifact))


def download(s3: S3Client, artifact: Artifact) -> bytes:
    """Return the bytes of an artifact.

    Raises:
        ArtifactDeniedError: the role may not read it. S3 gives the same answer if there is no such object.
        ArtifactMissingError: there is no such object.
        ArtifactInvalidError: it is too big for a template.
    """
    try:
        response = s3.get_object(Bucket=artifact.bucket, Key=artifact.key)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in ("AccessDenied", "403"):
            raise ArtifactDeniedError(
                f"Access denied while downloading the artifact from {artifact.path}. Ask the platform team "
                "to check that the launch role has s3:GetObject on objects tagged "
                "servicecatalog:provisioning=true."
            ) from error
        if code in ("NoSuchKey", "NoSuchBucket", "404"):
            raise ArtifactMissingError(
                f"There is no artifact at {artifact.path}. Ask the platform team to publish the version "
                "again."
            ) from error
        raise
    if response["ContentLength"] > _LARGEST_BYTES:
        raise _invalid(
            f"it has {response['ContentLength']} bytes, and CloudFormation takes at most {_LARGEST_BYTES}"
        )
    return response["Body"].read()


def parse(content: bytes) -> Template:
    """Read a template from an artifact's bytes.

    Raises:
        ArtifactInvalidError: it is not a CloudFormation template in JSON.
    """
    return Template.parse(_read_json(content))


def _read_json(content: bytes) -> object:
    # The object's key has no file extension, so only the content shows the format.
    if content.startswith((b"\x1f\x8b", b"PK\x03\x04")):
        raise _invalid("it is an archive")
    try:
        return json.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise _invalid("it is not text") from None
    except RecursionError:
        raise _invalid("it is nested too deeply") from None
    except ValueError as error:
        if content.lstrip().startswith(b"{"):
            raise _invalid(f"it is broken JSON, {error}") from None
        yaml = b"Resources:" in content or b"AWSTemplateFormatVersion" in content
        raise _invalid("it is YAML" if yaml else "it is not JSON") from None


def _invalid(reason: str) -> ArtifactInvalidError:
    return ArtifactInvalidError(
        f"The artifact is not a CloudFormation template in JSON: {reason}. "
        "Ask the platform team to publish the version again, as JSON."
    )


def template_url(artifact: Artifact, region: str) -> str:
    """Return the https:// address of an artifact: CloudFormation takes no S3:// address."""
    return f"https://{artifact.bucket}.s3.{region}.amazonaws.com/{quote(artifact.key)}"
