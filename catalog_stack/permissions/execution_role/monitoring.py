"""Log groups, topic, alarms and dashboard."""

from __future__ import annotations

from ..policy import Permission, allow, arn
from .tags import READ, SUFFIXED

TOPIC = arn("sns", "alert-topic-*")
ALARMS = arn("cloudwatch", "alarm:*-alarm-*")
DASHBOARD = arn("cloudwatch", "dashboard/dashboard-*", region="")


def permissions() -> list[Permission]:
    """Return what CloudFormation needs for logs and alarms."""
    return [*_of_logs(), *_of_alarms()]


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
