"""The DB instance with its groups, events and master secret, and the key that encrypts them."""

from __future__ import annotations

from ..policies import Permission, allow, arn
from ..settings import REGION
from .tags import BEING_TAGGED_AS_OURS, READ, SUFFIXED, TAGGED_AS_OURS

NAMES = ["db:database-*", "subgrp:subnet-group-*", "pg:parameter-group-*", "es:event-subscription-*"]
_KEYS = arn("kms", "key/*")
_RANDOM_KEY = (
    "R11: a key of its own; KMS gives random ids, so the engine's tag or the calling service is the scope."
)


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
    return [
        allow(
            "kms",
            "CreateKey",
            on="*",
            when=BEING_TAGGED_AS_OURS,
            why="R11: a key of its own; a new key has no id yet, but it has the engine's tag.",
        ),
        allow("kms", "ListAliases", on="*", why=READ),
        allow(
            "kms",
            "DescribeKey GetKeyPolicy GetKeyRotationStatus ListResourceTags",
            on=_KEYS,
            why="R11: a key of its own; KMS gives random ids, and this only reads.",
        ),
        allow(
            "kms",
            """
                DisableKey DisableKeyRotation EnableKey EnableKeyRotation PutKeyPolicy
                ScheduleKeyDeletion TagResource UntagResource UpdateKeyDescription
            """,
            on=_KEYS,
            when=TAGGED_AS_OURS,
            why=_RANDOM_KEY,
        ),
        # KMS asks for it on CreateKey, too, when the key does not have its tags yet.
        allow("kms", "TagResource", on=_KEYS, when=BEING_TAGGED_AS_OURS, why=_RANDOM_KEY),
        allow("kms", "CreateAlias DeleteAlias UpdateAlias", on=arn("kms", "alias/key-*"), why=SUFFIXED),
        # Without the tag's condition: KMS may take minutes to see it ("ABAC for AWS KMS", Developer Guide),
        # and the alias comes seconds after its key.
        allow(
            "kms",
            "CreateAlias DeleteAlias UpdateAlias",
            on=_KEYS,
            why="R11: a key of its own; KMS gives random ids, and the alias is scoped by its name.",
        ),
        allow(
            "kms",
            "CreateGrant Decrypt Encrypt GenerateDataKey",
            on=_KEYS,
            when={
                "StringEquals": {
                    "kms:ViaService": [
                        f"{service}.{REGION}.amazonaws.com" for service in ("rds", "secretsmanager")
                    ]
                }
            },
            why=_RANDOM_KEY,
        ),
    ]
