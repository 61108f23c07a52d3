"""The bucket for backups that outlive the database's own, and its emptying when the stack goes."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import Construct

from product_template.encryption import Encryption
from product_template.naming import Naming

EMPTY_BUCKET = Path(__file__).parent / "inline" / "empty_bucket.py"


class Backups(Construct):
    """A versioned, private bucket under our key that can be deleted although it holds objects.

    Attributes:
        bucket: the bucket.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, naming: Naming, encryption: Encryption
    ) -> None:
        super().__init__(scope, construct_id)
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            bucket_name=naming.unique("backup-bucket"),
            versioned=True,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=encryption.key,
            bucket_key_enabled=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        emptier = self._emptier(naming, encryption)
        cdk.CustomResource(
            self,
            "EmptyOnDelete",
            resource_type="Custom::EmptyBucketOnDelete",
            service_token=emptier.function_arn,
            service_timeout=cdk.Duration.minutes(20),
            properties={"BucketName": self.bucket.bucket_name},
        )

    def _emptier(self, naming: Naming, encryption: Encryption) -> lambda_.Function:
        """Make the function inline: the CDK's `auto_delete_objects` is an asset; no version may have one."""
        name = naming.of("empty-bucket-function")
        log_group = encryption.log_group(self, "EmptierLog", f"/aws/lambda/{name}")
        role = iam.Role(
            self,
            "EmptierRole",
            role_name=naming.of("empty-bucket-role"),
            path="/tapstack/",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            inline_policies={naming.of("empty-bucket-policy"): self._emptier_policy(log_group)},
        )
        function = lambda_.Function(
            self,
            "Emptier",
            function_name=name,
            description="Empties the backup bucket when its stack is deleted",
            code=lambda_.Code.from_inline(EMPTY_BUCKET.read_text()),
            handler="index.handle",
            runtime=lambda_.Runtime.PYTHON_3_14,
            architecture=lambda_.Architecture.ARM_64,
            memory_size=256,
            timeout=cdk.Duration.minutes(15),
            role=role,
            log_group=log_group,
        )
        cast("lambda_.CfnFunction", function.node.default_child).add_metadata(
            "cfn-lint",
            {
                "config": {"ignore_checks": ["W3005"]},
                "reason": "The CDK lists the role in DependsOn, too; that is redundant and harmless.",
            },
        )
        return function

    def _emptier_policy(self, log_group: logs.LogGroup) -> iam.PolicyDocument:
        return iam.PolicyDocument(
            statements=[
                # Not CreateLogGroup: a line written after the group's deletion would bring it back.
                iam.PolicyStatement(
                    actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[log_group.log_group_arn]
                ),
                iam.PolicyStatement(actions=["s3:ListBucketVersions"], resources=[self.bucket.bucket_arn]),
                iam.PolicyStatement(
                    actions=["s3:DeleteObject", "s3:DeleteObjectVersion"],
                    resources=[self.bucket.arn_for_objects("*")],
                ),
            ]
        )
