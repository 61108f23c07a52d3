"""What CloudFormation may do for a TapStack: what its resource types need, on the names the product makes.

The actions are those that the resource types' schemas list under `handlers`, without those of features that
the product does not use. One is allowed on every resource for one of three reasons: AWS knows no resource for
it (EC2's Describe), the resource has no id before it (EC2's Create), or the id is random (EC2, KMS). In the
last case a tag that the engine puts on every stack takes the place of the name.
"""

from __future__ import annotations

from typing import Any

from aws_cdk import Aws
from aws_cdk import aws_iam as iam

from .settings import REGION

# The engine tags every stack with it, and CloudFormation passes a stack's tags on to its resources.
TRACER_TAG = "tapstack:provisioned-product-id"
TAGGED_AS_OURS = {"StringLike": {f"aws:ResourceTag/{TRACER_TAG}": "pp-*"}}
BEING_TAGGED_AS_OURS = {"StringLike": {f"aws:RequestTag/{TRACER_TAG}": "pp-*"}}


def allow(
    service: str, actions: str, on: str | list[str], when: dict[str, Any] | None = None
) -> iam.PolicyStatement:
    """Return a statement that allows a service's `actions`, which are separated by spaces."""
    return iam.PolicyStatement(
        actions=[f"{service}:{action}" for action in actions.split()],
        resources=[on] if isinstance(on, str) else on,
        conditions=when,
    )


def arn(service: str, resource: str, *, region: str = REGION, account: str = Aws.ACCOUNT_ID) -> str:
    """Return an ARN of this account in the product's region."""
    return f"arn:{Aws.PARTITION}:{service}:{region}:{account}:{resource}"


def of_network() -> list[iam.PolicyStatement]:
    """VPC, subnets, gateways, routes, security groups and endpoints."""
    return [
        allow(
            "ec2",
            """
                DescribeAccountAttributes DescribeAddresses DescribeAvailabilityZones DescribeInstances
                DescribeInternetGateways DescribeNatGateways DescribeNetworkAcls
                DescribeNetworkInterfaces DescribeRouteTables DescribeSecurityGroupRules
                DescribeSecurityGroups DescribeSubnets DescribeTags DescribeVpcAttribute
                DescribeVpcEndpoints DescribeVpcs DescribeVpnGateways
            """,
            on="*",
        ),
        allow(
            "ec2",
            """
                AllocateAddress CreateInternetGateway CreateNatGateway CreateRouteTable
                CreateSecurityGroup CreateSubnet CreateVpc CreateVpcEndpoint
            """,
            on="*",
        ),
        allow(
            "ec2",
            """
                AssociateRouteTable AttachInternetGateway AuthorizeSecurityGroupEgress
                AuthorizeSecurityGroupIngress CreateRoute DeleteInternetGateway DeleteNatGateway
                DeleteRoute DeleteRouteTable DeleteSecurityGroup DeleteSubnet DeleteVpc
                DeleteVpcEndpoints DetachInternetGateway DisassociateAddress DisassociateRouteTable
                ModifySubnetAttribute ModifyVpcAttribute ModifyVpcEndpoint ReleaseAddress ReplaceRoute
                ReplaceRouteTableAssociation RevokeSecurityGroupEgress RevokeSecurityGroupIngress
                UpdateSecurityGroupRuleDescriptionsEgress UpdateSecurityGroupRuleDescriptionsIngress
            """,
            on="*",
            when=TAGGED_AS_OURS,
        ),
        allow("ec2", "CreateTags", on=arn("ec2", "*/*"), when=BEING_TAGGED_AS_OURS),
        allow("ec2", "CreateTags DeleteTags", on=arn("ec2", "*/*"), when=TAGGED_AS_OURS),
    ]


def of_database() -> list[iam.PolicyStatement]:
    """The DB instance with its groups, events and master secret."""
    names = ["db:database-*", "subgrp:subnet-group-*", "pg:parameter-group-*", "es:event-subscription-*"]
    return [
        allow(
            "rds",
            """
                DescribeDBClusterSnapshots DescribeDBClusters DescribeDBEngineVersions
                DescribeDBInstanceAutomatedBackups DescribeDBInstances DescribeDBParameterGroups
                DescribeDBParameters DescribeDBSnapshots DescribeDBSubnetGroups
                DescribeEngineDefaultParameters DescribeEvents DescribeEventSubscriptions
            """,
            on="*",
        ),
        allow(
            "rds",
            """
                AddSourceIdentifierToSubscription AddTagsToResource CreateDBInstance
                CreateDBParameterGroup CreateDBSubnetGroup CreateEventSubscription DeleteDBInstance
                DeleteDBParameterGroup DeleteDBSubnetGroup DeleteEventSubscription ListTagsForResource
                ModifyDBInstance ModifyDBParameterGroup ModifyDBSubnetGroup ModifyEventSubscription
                RebootDBInstance RemoveSourceIdentifierFromSubscription RemoveTagsFromResource
                ResetDBParameterGroup
            """,
            on=[arn("rds", name) for name in names],
        ),
        # RDS puts every instance into its engine's default option group.
        allow("rds", "CreateDBInstance ModifyDBInstance", on=arn("rds", "og:default:*")),
        # The master secret is RDS's own, made in the name of whoever creates the instance.
        allow(
            "secretsmanager",
            "CreateSecret RotateSecret TagResource",
            on=arn("secretsmanager", "secret:rds!*"),
        ),
        # Only in an account that never had a database.
        allow(
            "iam",
            "CreateServiceLinkedRole",
            on=arn("iam", "role/aws-service-role/rds.amazonaws.com/AWSServiceRoleForRDS", region=""),
            when={"StringEquals": {"iam:AWSServiceName": "rds.amazonaws.com"}},
        ),
    ]


def of_encryption() -> list[iam.PolicyStatement]:
    """The key and its use by the services that encrypt with it."""
    key = arn("kms", "key/*")
    return [
        allow("kms", "CreateKey", on="*", when=BEING_TAGGED_AS_OURS),
        allow("kms", "ListAliases", on="*"),
        allow("kms", "DescribeKey GetKeyPolicy GetKeyRotationStatus ListResourceTags", on=key),
        allow(
            "kms",
            """
                DisableKey DisableKeyRotation EnableKey EnableKeyRotation PutKeyPolicy
                ScheduleKeyDeletion TagResource UntagResource UpdateKeyDescription
            """,
            on=key,
            when=TAGGED_AS_OURS,
        ),
        allow("kms", "TagResource", on=key, when=BEING_TAGGED_AS_OURS),
        allow("kms", "CreateAlias DeleteAlias UpdateAlias", on=[arn("kms", "alias/key-*"), key]),
        allow(
            "kms",
            "CreateGrant Decrypt Encrypt GenerateDataKey",
            on=key,
            when={
                "StringEquals": {
                    "kms:ViaService": [
                        f"{service}.{REGION}.amazonaws.com" for service in ("rds", "secretsmanager", "lambda")
                    ]
                }
            },
        ),
    ]


def of_backups() -> list[iam.PolicyStatement]:
    """The bucket, the function that empties it, and the log groups."""
    function = arn("lambda", "function:empty-bucket-function-*")
    role = arn("iam", "role/tapstack/empty-bucket-role-*", region="")
    groups = ["log-group:/aws/rds/instance/database-*", "log-group:/aws/lambda/empty-bucket-function-*"]
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
                ListTagsForResource PutBucketOwnershipControls PutBucketPolicy
                PutBucketPublicAccessBlock PutBucketTagging PutBucketVersioning
                PutEncryptionConfiguration PutLifecycleConfiguration TagResource UntagResource
            """,
            on=arn("s3", f"backup-bucket-{Aws.ACCOUNT_ID}-*", region="", account=""),
        ),
        allow(
            "lambda",
            """
                CreateFunction DeleteFunction GetFunction GetFunctionCodeSigningConfig
                GetFunctionRecursionConfig GetFunctionScalingConfig GetRuntimeManagementConfig
                InvokeFunction ListTags TagResource UntagResource UpdateFunctionCode
                UpdateFunctionConfiguration
            """,
            on=function,
        ),
        allow(
            "iam",
            """
                CreateRole DeleteRole DeleteRolePolicy GetRole GetRolePolicy ListAttachedRolePolicies
                ListRolePolicies ListRoleTags PutRolePolicy TagRole UntagRole UpdateAssumeRolePolicy
                UpdateRole UpdateRoleDescription
            """,
            on=role,
        ),
        allow(
            "iam", "PassRole", on=role, when={"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}
        ),
        allow("logs", "DescribeIndexPolicies DescribeLogGroups DescribeResourcePolicies", on="*"),
        allow(
            "logs",
            """
                AssociateKmsKey CreateLogGroup DeleteLogGroup DeleteRetentionPolicy DisassociateKmsKey
                GetDataProtectionPolicy ListTagsForResource PutRetentionPolicy TagResource UntagResource
            """,
            on=[arn("logs", f"{group}{end}") for group in groups for end in ("", ":*")],
        ),
    ]


def of_monitoring() -> list[iam.PolicyStatement]:
    """The topic and the alarms."""
    return [
        allow(
            "sns",
            """
                CreateTopic DeleteTopic GetDataProtectionPolicy GetTopicAttributes
                ListSubscriptionsByTopic ListTagsForResource SetTopicAttributes TagResource
                UntagResource
            """,
            on=arn("sns", "alert-topic-*"),
        ),
        allow("cloudwatch", "DescribeAlarms", on="*"),
        allow(
            "cloudwatch",
            "DeleteAlarms ListTagsForResource PutMetricAlarm TagResource UntagResource",
            on=arn("cloudwatch", "alarm:*-alarm-*"),
        ),
    ]
