"""AWS::S3, AWS::KMS and AWS::SSM."""
# The methods are described by Provider.
# ruff: noqa: ARG002, D102

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from ...account import ACCOUNT_ID, REGION
from ..api_object import Api
from ..arguments import arguments, plain_tags
from ..provider import Call, Properties, Provider, ProviderError, Tagging

_SettingArguments = Callable[[Any], Properties]


def _lifecycle(setting: Properties) -> Properties:
    return {"LifecycleConfiguration": {"Rules": [_lifecycle_rule(rule) for rule in setting["Rules"]]}}


def _lifecycle_rule(rule: Properties) -> Properties:
    """Return a lifecycle rule in the API's structure, which nests what the template has flat."""
    written = {"Status": rule["Status"], "Filter": {"Prefix": rule.get("Prefix", "")}}
    if "ExpirationInDays" in rule:
        written["Expiration"] = {"Days": rule["ExpirationInDays"]}
    elif "ExpiredObjectDeleteMarker" in rule:
        written["Expiration"] = {"ExpiredObjectDeleteMarker": rule["ExpiredObjectDeleteMarker"]}
    if "NoncurrentVersionExpirationInDays" in rule:
        written["NoncurrentVersionExpiration"] = {"NoncurrentDays": rule["NoncurrentVersionExpirationInDays"]}
    plain = ("Id", "AbortIncompleteMultipartUpload", "NoncurrentVersionExpiration")
    written |= {key: rule[key] for key in plain if key in rule}
    known = {
        *plain,
        "Status",
        "Prefix",
        "ExpirationInDays",
        "ExpiredObjectDeleteMarker",
        "NoncurrentVersionExpirationInDays",
    }
    if unknown := sorted(rule.keys() - known):
        raise ProviderError(
            f"The local CloudFormation does not emulate {', '.join(unknown)} in a lifecycle rule"
        )
    return written


_SETTINGS: Mapping[str, tuple[str, str | None, _SettingArguments]] = {
    "VersioningConfiguration": ("put_bucket_versioning", None, lambda s: {"VersioningConfiguration": s}),
    "BucketEncryption": (
        "put_bucket_encryption", "delete_bucket_encryption",
        lambda s: {"ServerSideEncryptionConfiguration": {"Rules": s["ServerSideEncryptionConfiguration"]}},
    ),
    "PublicAccessBlockConfiguration": (
        "put_public_access_block", "delete_public_access_block",
        lambda s: {"PublicAccessBlockConfiguration": s},
    ),
    "OwnershipControls": (
        "put_bucket_ownership_controls", "delete_bucket_ownership_controls",
        lambda s: {"OwnershipControls": s},
    ),
    "LifecycleConfiguration": ("put_bucket_lifecycle_configuration", "delete_bucket_lifecycle", _lifecycle),
    "LoggingConfiguration": (
        "put_bucket_logging", None,
        lambda s: {"BucketLoggingStatus": {"LoggingEnabled": {"TargetBucket": s["DestinationBucketName"],
        "TargetPrefix": s.get("LogFilePrefix", "")}}},
    ),
    "Tags": (
        "put_bucket_tagging", "delete_bucket_tagging",
        lambda s: {"Tagging": {"TagSet": [{"Key": key, "Value": value} for key,
        value in plain_tags(s).items()]}},
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Bucket:
    """AWS::S3::Bucket, with one Put… call for each setting. A bucket with objects can't be deleted."""

    name: str | None = "BucketName"
    # S3 refuses tags whose key starts with "aws:"; CloudFormation sets its own in another way.
    tagging: Tagging | None = field(default_factory=lambda: Tagging(system=False))
    attributes: Mapping[str, str] = field(
        default_factory=lambda: {
            "Arn": "arn:aws:s3:::{id}",
            "DomainName": "{id}.s3.amazonaws.com",
            "RegionalDomainName": "{id}.s3.{region}.amazonaws.com",
        }
    )

    def create(self, call: Call, properties: Properties) -> str:
        bucket = str(properties.get("BucketName", call.generated_name(63).lower()))
        call.client("s3").create_bucket(Bucket=bucket)
        call.initiated(bucket)
        self._settle(call, bucket, {}, properties)
        call.wait(20)
        return bucket

    def _settle(self, call: Call, bucket: str, old: Properties, new: Properties) -> None:
        s3 = call.client("s3")
        for name in sorted({*old, *new} - {"BucketName"}):
            if old.get(name) == new.get(name):
                continue
            if name not in _SETTINGS:
                raise ProviderError(f"The local CloudFormation does not emulate {name} of AWS::S3::Bucket")
            put, remove, build = _SETTINGS[name]
            if name in new:
                renames = {"ServerSideEncryptionByDefault": "ApplyServerSideEncryptionByDefault"}
                getattr(s3, put)(Bucket=bucket, **arguments(s3, put, build(new[name]), renames))
            elif remove:
                getattr(s3, remove)(Bucket=bucket)
            else:
                raise ProviderError(f"The local CloudFormation cannot remove {name} from AWS::S3::Bucket")

    def update(self, call: Call, physical_id: str, old: Properties, new: Properties) -> str:
        self._settle(call, physical_id, old, new)
        return physical_id

    def delete(self, call: Call, physical_id: str, properties: Properties) -> None:
        try:
            call.client("s3").delete_bucket(Bucket=physical_id)
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchBucket":
                raise

    def attribute(self, call: Call, physical_id: str, name: str, properties: Properties) -> Any:
        return self.attributes[name].format(id=physical_id, region=REGION)


def _key_settings(call: Call, key_id: str, old: Properties, new: Properties) -> None:
    kms = call.client("kms")
    if new.get("EnableKeyRotation", False) != old.get("EnableKeyRotation", False):
        if new.get("EnableKeyRotation"):
            days = (
                {"RotationPeriodInDays": new["RotationPeriodInDays"]} if "RotationPeriodInDays" in new else {}
            )
            kms.enable_key_rotation(KeyId=key_id, **days)
        else:
            kms.disable_key_rotation(KeyId=key_id)
    if new.get("Enabled", True) != old.get("Enabled", True):
        (kms.enable_key if new.get("Enabled", True) else kms.disable_key)(KeyId=key_id)
    if old and new.get("KeyPolicy") != old.get("KeyPolicy"):
        policy = arguments(kms, "put_key_policy", {"Policy": new.get("KeyPolicy", _default_key_policy())}, {})
        kms.put_key_policy(KeyId=key_id, PolicyName="default", **policy)
    if old and new.get("Description") != old.get("Description"):
        kms.update_key_description(KeyId=key_id, Description=new.get("Description", ""))


def _default_key_policy() -> Properties:
    owner = {"AWS": f"arn:aws:iam::{ACCOUNT_ID}:root"}
    return {"Version": "2012-10-17", "Id": "key-default", "Statement": [
        {"Sid": "Enable IAM User Permissions", "Effect": "Allow", "Principal": owner, "Action": "kms:*",
        "Resource": "*"},
    ]}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Key(Api):
    """AWS::KMS::Key. A deletion schedules the key's deletion in 30 days, or PendingWindowInDays."""

    def delete(self, call: Call, physical_id: str, properties: Properties) -> None:
        kms = call.client("kms")
        if kms.describe_key(KeyId=physical_id)["KeyMetadata"]["KeyState"] != "PendingDeletion":
            kms.schedule_key_deletion(
                KeyId=physical_id, PendingWindowInDays=properties.get("PendingWindowInDays", 30)
            )


TYPES: Mapping[str, Provider] = {
    "AWS::S3::Bucket": Bucket(),
    "AWS::S3::BucketPolicy": Api(
        service="s3", create_call="put_bucket_policy", update_call="put_bucket_policy", resend=True,
        id="{Bucket}",
        key=("Bucket",), renames={"PolicyDocument": "Policy"}, delete_call="delete_bucket_policy",
        gone=("NoSuchBucket",),
    ),
    "AWS::KMS::Key": Key(
        service="kms", create_call="create_key", id="KeyMetadata.KeyId", key=("KeyId",),
        renames={"KeyPolicy": "Policy"},
        own=("EnableKeyRotation", "PendingWindowInDays", "Enabled", "RotationPeriodInDays"),
        after=_key_settings,
        updated_after=("KeyPolicy", "Description"), delete_call="schedule_key_deletion",
        tagging=Tagging(key="KeyId"),
        attributes={"Arn": "arn:aws:kms:{region}:{account}:key/{id}", "KeyId": "{id}"}, seconds=30,
    ),
    "AWS::KMS::Alias": Api(
        service="kms", create_call="create_alias", update_call="update_alias", id="{AliasName}",
        key=("AliasName",),
        delete_call="delete_alias", gone=("NotFoundException",),
    ),
    "AWS::SSM::Parameter": Api(
        service="ssm", create_call="put_parameter", update_call="put_parameter", resend=True, id="{Name}",
        key=("Name",),
        delete_call="delete_parameter", name="Name", update_extra={"Overwrite": True},
        gone=("ParameterNotFound",),
        tagging=Tagging(
            tag="add_tags_to_resource", untag="remove_tags_from_resource", key="ResourceId",
            extra={"ResourceType": "Parameter"},
        ),
        attributes={"Type": "{Type}", "Value": "{Value}"},
    ),
}  # fmt: skip
