"""The bucket for exports of snapshots, and the bucket for its access logs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from product_template.acknowledgements import HIPAA, NIST, PCI, acknowledge
from product_template.custom_resources import CustomResourceFunction
from product_template.encryption import Encryption, on_behalf_of
from product_template.naming import Naming


class Backups(Construct):
    """A versioned, private bucket that our key encrypts, and one for its access logs.

    The deletion of the stack empties both first, so that they can be deleted.

    Attributes:
        bucket: the bucket for backups.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, naming: Naming, encryption: Encryption
    ) -> None:
        super().__init__(scope, construct_id)
        name, log_name = naming.unique("backup-bucket"), naming.unique("access-log-bucket")
        # ARNs made of names, because the policies that need them come before the buckets.
        bucket_arn, log_bucket_arn = (
            f"arn:{cdk.Aws.PARTITION}:s3:::{name}",
            f"arn:{cdk.Aws.PARTITION}:s3:::{log_name}",
        )
        emptier = self._emptier(naming, encryption, [bucket_arn, log_bucket_arn])
        log_bucket = self._log_bucket(log_name, logged=bucket_arn)
        self.bucket = self._bucket(
            "Bucket",
            name,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=encryption.key,
            bucket_key_enabled=True,
            lifecycle_rules=[
                s3.LifecycleRule(
                    expiration=cdk.Duration.days(90),
                    noncurrent_version_expiration=cdk.Duration.days(7),
                    abort_incomplete_multipart_upload_after=cdk.Duration.days(7),
                )
            ],
        )
        cast(
            "s3.CfnBucket", self.bucket.node.default_child
        ).logging_configuration = s3.CfnBucket.LoggingConfigurationProperty(
            destination_bucket_name=log_bucket.bucket_name
        )
        self._empty_on_delete("EmptyOnDelete", self.bucket, emptier)
        log_policy = self._empty_on_delete("EmptyLogOnDelete", log_bucket, emptier)
        # S3 refuses to log to a bucket whose policy does not allow it.
        self.bucket.node.add_dependency(log_policy)

    def _emptier(
        self, naming: Naming, encryption: Encryption, buckets: Sequence[str]
    ) -> CustomResourceFunction:
        objects = [f"{bucket}/*" for bucket in buckets]
        return CustomResourceFunction(
            self,
            "Emptier",
            naming=naming,
            encryption=encryption,
            handler="empty_bucket",
            description="Empties a bucket of this stack when it is deleted",
            statements=[
                iam.PolicyStatement(
                    actions=["s3:ListBucketVersions", "s3:PutBucketPolicy"], resources=buckets
                ),
                iam.PolicyStatement(actions=["s3:DeleteObject", "s3:DeleteObjectVersion"], resources=objects),
            ],
            wildcards={
                f"Resource::{every}": "R13, R22: it deletes every object of these two buckets."
                for every in objects
            },
        )

    def _log_bucket(self, name: str, *, logged: str) -> s3.Bucket:
        bucket = self._bucket(
            "LogBucket",
            name,
            # S3 delivers access logs only to buckets with SSE-S3 (Amazon S3 User Guide, "Enabling Amazon S3
            # server access logging"), so not to the bucket that they are about.
            encryption=s3.BucketEncryption.S3_MANAGED,
            lifecycle_rules=[
                s3.LifecycleRule(
                    expiration=cdk.Duration.days(90), noncurrent_version_expiration=cdk.Duration.days(1)
                )
            ],
        )
        bucket.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("logging.s3.amazonaws.com")],
                actions=["s3:PutObject"],
                resources=[bucket.arn_for_objects("*")],
                conditions=on_behalf_of(logged),
            )
        )
        acknowledge(
            bucket,
            "S3DefaultEncryptionKMS",
            PCI,
            NIST,
            HIPAA,
            because="R24: S3 delivers access logs only to buckets with SSE-S3. They hold no customer data; "
            "our key encrypts what R11 is about.",
        )
        return bucket

    def _bucket(self, construct_id: str, name: str, **options: Any) -> s3.Bucket:
        bucket = s3.Bucket(
            self,
            construct_id,
            bucket_name=name,
            versioned=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            removal_policy=cdk.RemovalPolicy.DESTROY,
            **options,
        )
        acknowledge(
            bucket,
            "S3BucketReplicationEnabled",
            PCI,
            NIST,
            HIPAA,
            because="The product is one region, us-east-1 (R10 to R25), and R22: a copy elsewhere outlives "
            "the stack.",
        )
        return bucket

    def _empty_on_delete(
        self, construct_id: str, bucket: s3.Bucket, emptier: CustomResourceFunction
    ) -> s3.BucketPolicy:
        """Empty the bucket just before its deletion, and return its policy."""
        emptied = cdk.CustomResource(
            self,
            construct_id,
            resource_type="Custom::EmptyBucketOnDelete",
            service_token=emptier.arn,
            service_timeout=cdk.Duration.minutes(20),
            properties={"BucketName": bucket.bucket_name},
        )
        # On deletion this policy goes first. The function then replaces it by one that refuses new objects.
        policy = cast("s3.BucketPolicy", bucket.policy)
        policy.node.add_dependency(emptied)
        return policy
