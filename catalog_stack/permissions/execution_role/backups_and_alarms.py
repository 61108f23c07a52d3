"""Buckets, exports, functions, roles, log groups, topic, alarms and dashboard."""

from __future__ import annotations

from aws_cdk import Aws

from product_template.launch_account import PERMISSIONS_BOUNDARY

from ..policy import Permission, allow, arn
from .tags import READ, SUFFIXED

# By the names that the product gives them.
BUCKETS = [
    arn("s3", f"{kind}-{Aws.ACCOUNT_ID}-*", region="", account="")
    for kind in ("backup-bucket", "access-log-bucket")
]
FUNCTIONS = [
    arn("lambda", f"function:{kind}-function-*") for kind in ("empty-bucket", "close-security-group")
]
TOPIC = arn("sns", "alert-topic-*")
ALARMS = arn("cloudwatch", "alarm:*-alarm-*")
DASHBOARD = arn("cloudwatch", "dashboard/dashboard-*", region="")
EXPORT_WORKFLOW = arn("states", "stateMachine:export-workflow-*")
EXPORT_RULE = arn("events", "rule/export-rule-*")
ROLES = arn("iam", "role/tapstack/*", region="")
_POLICIES = arn("iam", "policy/tapstack/*", region="")
# Outside the path of _POLICIES, so that no stack can change what bounds its roles.
_BOUNDED = {
    "StringEquals": {"iam:PermissionsBoundary": arn("iam", f"policy/{PERMISSIONS_BOUNDARY}", region="")}
}
# Who is given which role, by the roles' names.
_SERVICES = {
    "empty-bucket": "lambda",
    "close-security-group": "lambda",
    "flow-log": "vpc-flow-logs",
    "monitoring": "monitoring.rds",
    "export-workflow": "states",
    "export-rule": "events",
}


def permissions() -> list[Permission]:
    """Return what CloudFormation needs for backups and alarms."""
    return [*_of_buckets(), *_of_functions(), *_of_exports(), *_of_logs(), *_of_alarms()]


def role_permissions() -> list[Permission]:
    """Return what CloudFormation needs for the roles of the stack.

    Whoever can change a stack can use all of it, so a role is made and given rights only within the boundary.
    IAM knows no such condition for UpdateAssumeRolePolicy: who takes a role over is bounded all the same.
    """
    return [
        allow(
            "iam",
            """
                DeleteRole GetRole GetRolePolicy ListAttachedRolePolicies ListRolePolicies ListRoleTags
                TagRole UntagRole UpdateAssumeRolePolicy UpdateRole UpdateRoleDescription
            """,
            on=ROLES,
            why=SUFFIXED,
        ),
        allow("iam", "CreateRole", on=ROLES, when=_BOUNDED, why=SUFFIXED),
        allow(
            "iam",
            "AttachRolePolicy DetachRolePolicy",
            on=ROLES,
            when={"ArnLike": {"iam:PolicyARN": _POLICIES}, **_BOUNDED},
            why=SUFFIXED,
        ),
        allow(
            "iam",
            """
                CreatePolicy CreatePolicyVersion DeletePolicy DeletePolicyVersion GetPolicy GetPolicyVersion
                ListEntitiesForPolicy ListPolicyVersions
            """,
            on=_POLICIES,
            why=SUFFIXED,
        ),
        *(
            allow(
                "iam",
                "PassRole",
                on=arn("iam", f"role/tapstack/{kind}-role-*", region=""),
                when={"StringEquals": {"iam:PassedToService": f"{service}.amazonaws.com"}},
                why=SUFFIXED,
            )
            for kind, service in _SERVICES.items()
        ),
    ]


def _of_buckets() -> list[Permission]:
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


def _of_functions() -> list[Permission]:
    return [
        allow(
            "lambda",
            """
                CreateFunction DeleteFunction GetFunction GetFunctionCodeSigningConfig
                GetFunctionRecursionConfig GetFunctionScalingConfig GetRuntimeManagementConfig
                InvokeFunction ListTags TagResource UntagResource UpdateFunctionCode
                UpdateFunctionConfiguration
            """,
            on=FUNCTIONS,
            why=SUFFIXED,
        ),
    ]


def _of_exports() -> list[Permission]:
    return [
        allow(
            "states",
            """
                CreateStateMachine DeleteStateMachine DescribeStateMachine ListTagsForResource TagResource
                UntagResource UpdateStateMachine
            """,
            on=EXPORT_WORKFLOW,
            why=SUFFIXED,
        ),
        allow(
            "events",
            """
                DeleteRule DescribeRule ListTagsForResource ListTargetsByRule PutRule PutTargets
                RemoveTargets TagResource UntagResource
            """,
            on=EXPORT_RULE,
            why=SUFFIXED,
        ),
    ]


def _of_logs() -> list[Permission]:
    groups = [
        "/aws/rds/instance/database-*",
        "/aws/lambda/empty-bucket-function-*",
        "/aws/lambda/close-security-group-function-*",
        "/aws/vpc/flow-log-*",
        "/aws/vendedlogs/states/export-workflow-*",
    ]
    return [
        allow("logs", "DescribeIndexPolicies DescribeLogGroups DescribeResourcePolicies", on="*", why=READ),
        allow(
            "logs",
            """
                AssociateKmsKey CreateLogGroup DeleteLogGroup DeleteMetricFilter DeleteRetentionPolicy
                DescribeMetricFilters DisassociateKmsKey GetDataProtectionPolicy ListTagsForResource
                PutMetricFilter PutRetentionPolicy TagResource UntagResource
            """,
            on=[arn("logs", f"log-group:{group}{end}") for group in groups for end in ("", ":*")],
            why=SUFFIXED,
        ),
    ]


def _of_alarms() -> list[Permission]:
    return [
        allow(
            "sns",
            """
                CreateTopic DeleteTopic GetDataProtectionPolicy GetTopicAttributes
                ListSubscriptionsByTopic ListTagsForResource SetTopicAttributes TagResource
                UntagResource
            """,
            on=TOPIC,
            why=SUFFIXED,
        ),
        allow("cloudwatch", "DescribeAlarms", on="*", why=READ),
        allow(
            "cloudwatch",
            "DeleteAlarms ListTagsForResource PutMetricAlarm TagResource UntagResource",
            on=ALARMS,
            why=SUFFIXED,
        ),
        allow(
            "cloudwatch",
            "DeleteDashboards GetDashboard ListTagsForResource PutDashboard TagResource UntagResource",
            on=DASHBOARD,
            why=SUFFIXED,
        ),
    ]
