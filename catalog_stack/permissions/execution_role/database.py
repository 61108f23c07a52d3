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
            why="R10: PostgreSQL; RDS puts every instance into its engine's default option group.",
        ),
        # The master secret is RDS's own, made in the name of whoever creates the instance (RDS User Guide,
        # "Password management with Amazon RDS and AWS Secrets Manager", permissions required).
        allow(
            "secretsmanager",
            "CreateSecret RotateSecret TagResource",
            on=arn("secretsmanager", "secret:rds!*"),
            why="R11: the password is encrypted, too; RDS names the secret at random.",
        ),
        # Only in an account that never had a database.
        allow(
            "iam",
            "CreateServiceLinkedRole",
            on=arn("iam", "role/aws-service-role/rds.amazonaws.com/AWSServiceRoleForRDS", region=""),
            when={"StringEquals": {"iam:AWSServiceName": "rds.amazonaws.com"}},
        ),
    ]


def _of_key() -> list[Permission]:
    """What KMS asks IAM for. The product's key policy lets the role in to everything else."""
    return [
        allow(
            "kms",
            "CreateKey",
            on="*",
            when=BEING_TAGGED_AS_OURS,
            why="R11: a key of its own; a new key has no id yet, but it has the engine's tag.",
        ),
        # CreateKey asks for it when there is no key yet. It lets any other key of the account be tagged, too.
        # Nothing is won by that: no permission of any role follows from a key's tags.
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
