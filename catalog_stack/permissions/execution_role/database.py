"""The DB instance with its groups, events and master secret, and the key that encrypts them."""

from __future__ import annotations

from ..policy import Permission, allow, arn
from .tags import BEING_TAGGED_AS_OURS, READ, SUFFIXED

KEY_ALIASES = "alias/key-*"
NAMES = ["db:database-*", "subgrp:subnet-group-*", "pg:parameter-group-*", "es:event-subscription-*"]


def permissions() -> list[Permission]:
    """Return what CloudFormation needs for the database and its key."""
    return [*_of_database(), *_of_key()]


def _of_database() -> list[Permission]:
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
            why=READ,
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
            on=[arn("rds", name) for name in NAMES],
            why=SUFFIXED,
        ),
        allow(
            "rds",
            "CreateDBInstance ModifyDBInstance",
            on=arn("rds", "og:default:*"),
            why="R10: PostgreSQL; RDS puts every instance into the default option group of its version.",
        ),
        # RDS makes the master secret with the permissions of whoever creates the instance (RDS User Guide,
        # "Password management with Amazon RDS and AWS Secrets Manager", permissions required).
        allow(
            "secretsmanager",
            "CreateSecret RotateSecret TagResource",
            on=arn("secretsmanager", "secret:rds!*"),
            why="R11: the password is encrypted, too; RDS names the secret at random.",
        ),
        # Needed only in an account that never had a DB instance.
        allow(
            "iam",
            "CreateServiceLinkedRole",
            on=arn("iam", "role/aws-service-role/rds.amazonaws.com/AWSServiceRoleForRDS", region=""),
            when={"StringEquals": {"iam:AWSServiceName": "rds.amazonaws.com"}},
        ),
    ]


def _of_key() -> list[Permission]:
    """Return what KMS asks IAM policies for. The product's key policy allows the role everything else."""
    return [
        allow(
            "kms",
            "CreateKey",
            on="*",
            when=BEING_TAGGED_AS_OURS,
            why="R11: a key of its own; a new key has no id yet, but it has the engine's tag.",
        ),
        # CreateKey needs it before the key exists. It also allows tagging any other key of the account, which
        # gains nothing: no permission of any role depends on a key's tags.
        allow(
            "kms",
            "TagResource",
            on=arn("kms", "key/*"),
            when=BEING_TAGGED_AS_OURS,
            why="R11: a key of its own; a new key has no id yet, and it is given the engine's tag.",
        ),
        allow("kms", "ListAliases", on="*", why=READ),
        allow("kms", "CreateAlias DeleteAlias UpdateAlias", on=arn("kms", KEY_ALIASES), why=SUFFIXED),
    ]
