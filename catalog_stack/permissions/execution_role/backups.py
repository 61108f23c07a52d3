"""The buckets for backups and for their access logs."""

from __future__ import annotations

from aws_cdk import Aws

from ..policy import Permission, allow, arn
from .tags import SUFFIXED

BUCKETS = [
    arn("s3", f"{kind}-{Aws.ACCOUNT_ID}-*", region="", account="")
    for kind in ("backup-bucket", "access-log-bucket")
]


def permissions() -> list[Permission]:
    """Return what CloudFormation needs for the buckets."""
    return [
        allow(
            "s3",
            """
                CreateBucket DeleteBucket DeleteBucketPolicy GetAccelerateConfiguration
                GetAnalyticsConfiguration GetBucketAbac GetBucketAcl GetBucketCORS GetBucketLogging
                GetBucketMetadataTableConfiguration GetBucketNotification
                GetBucketObjectLockConfiguration GetBucketOwnershipControls GetBucketPolicy
                GetBucketPublicAccessBlock GetBucketTagging GetBucketVersioning GetBucketWebsite
                GetEncryptionConfiguration GetIntelligentTieringConfiguration GetInventoryConfiguration
                GetLifecycleConfiguration GetMetricsConfiguration GetReplicationConfiguration ListBucket
                ListTagsForResource PutBucketLogging PutBucketOwnershipControls PutBucketPolicy
                PutBucketPublicAccessBlock PutBucketTagging PutBucketVersioning
                PutEncryptionConfiguration PutLifecycleConfiguration TagResource UntagResource
            """,
            on=BUCKETS,
            why=SUFFIXED,
        ),
    ]
