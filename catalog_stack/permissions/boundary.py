"""The permissions boundary: the most that any role of a TapStack can do, whatever its own policies say.

It is the union of what the product's roles need (product_template), and nothing else, because whoever can
change a stack can give its roles any policy. tests/privilege/test_boundary.py compares the two. An account
has one boundary for all its TapStacks, so "*" stands for their suffixes.
"""

from __future__ import annotations

from .execution_role.backups import BUCKETS
from .execution_role.database import KEY_ALIASES
from .execution_role.exports import EXPORT_WORKFLOW
from .execution_role.tags import SUFFIXED
from .policy import Permission, allow, arn, log_and_trace

_BACKUP_BUCKET = BUCKETS[0]


def permissions() -> list[Permission]:
    """Return what some role of a TapStack needs."""
    return [*_of_functions(), *_of_logs(), *_of_monitoring(), *_of_exports()]


def _of_functions() -> list[Permission]:
    """Return what emptying a bucket and closing the default security group takes."""
    return [
        allow("s3", "ListBucketVersions PutBucketPolicy", on=BUCKETS, why=SUFFIXED),
        allow(
            "s3",
            "DeleteObject DeleteObjectVersion",
            on=[f"{bucket}/*" for bucket in BUCKETS],
            why="R13, R22: the objects go with their bucket, whose name only a launch knows.",
        ),
        allow(
            "ec2",
            "DescribeSecurityGroups",
            on="*",
            why="R16: the default security group is closed; Describe supports no resource-level permissions.",
        ),
        allow(
            "ec2",
            "RevokeSecurityGroupEgress RevokeSecurityGroupIngress",
            on=arn("ec2", "security-group/*"),
            why="R16: the default security group is closed; EC2 makes it with the network, without a tag and "
            "with a random id.",
        ),
    ]


def _of_logs() -> list[Permission]:
    flow_logs = arn("logs", "log-group:/aws/vpc/flow-log-*:*")
    of_functions = [
        arn("logs", f"log-group:/aws/lambda/{kind}-function-*:*")
        for kind in ("empty-bucket", "close-security-group")
    ]
    return [
        allow("logs", "CreateLogStream PutLogEvents", on=[*of_functions, flow_logs], why=SUFFIXED),
        allow("logs", "DescribeLogStreams", on=flow_logs, why=SUFFIXED),
        *log_and_trace(),
    ]


def _of_monitoring() -> list[Permission]:
    """Return what Enhanced Monitoring does with the one log group that all databases of an account share."""
    shared = "R14: performance is monitored; RDS names the group's streams after the instances."
    return [
        allow(
            "logs", "CreateLogGroup PutRetentionPolicy", on=arn("logs", "log-group:RDSOSMetrics*"), why=shared
        ),
        allow(
            "logs",
            "CreateLogStream DescribeLogStreams GetLogEvents PutLogEvents",
            on=arn("logs", "log-group:RDSOSMetrics:log-stream:*"),
            why=shared,
        ),
    ]


def _of_exports() -> list[Permission]:
    return [
        # With the patterns that RDS asks for ("Providing access to an Amazon S3 bucket", RDS User Guide).
        allow("s3", "DeleteObject* GetObject* PutObject*", on=f"{_BACKUP_BUCKET}/exports/*", why=SUFFIXED),
        allow("s3", "GetBucketLocation ListBucket", on=_BACKUP_BUCKET, why=SUFFIXED),
        allow(
            "kms",
            "CreateGrant Decrypt DescribeKey GenerateDataKey",
            on=arn("kms", "key/*"),
            # No condition on the key's tag: the execution role, and others, can give the tag to another key.
            when={"ForAnyValue:StringLike": {"kms:ResourceAliases": KEY_ALIASES}},
            why="R11: a key of its own; KMS gives random ids, so its alias is the scope.",
        ),
        allow("rds", "StartExportTask", on=arn("rds", "snapshot:rds:database-*"), why=SUFFIXED),
        allow(
            "rds",
            "DescribeExportTasks",
            on="*",
            why="R12: exports are followed; the action supports no resource-level permissions.",
        ),
        allow(
            "iam",
            "PassRole",
            on=arn("iam", "role/tapstack/export-role-*", region=""),
            when={"StringEquals": {"iam:PassedToService": "export.rds.amazonaws.com"}},
            why=SUFFIXED,
        ),
        allow("states", "StartExecution", on=EXPORT_WORKFLOW, why=SUFFIXED),
    ]
