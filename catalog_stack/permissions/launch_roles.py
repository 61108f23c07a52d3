"""The launch role, the execution role and the permissions boundary of an account."""

from __future__ import annotations

from aws_cdk import Aws, Tags
from aws_cdk import aws_iam as iam
from constructs import Construct

from product_template.launch_account import EXECUTION_ROLE, LAUNCH_ROLE, PERMISSIONS_BOUNDARY, ROLES_VERSION

from . import boundary
from .execution_role import backups, custom_resources, database, exports, monitoring, network, roles
from .execution_role.tags import BEING_TAGGED_AS_OURS, SUFFIXED, TAGGED, TAGGED_AS_OURS
from .policy import Permission, allow, arn, managed_policy

EXECUTION_ROLE_ARN = arn("iam", f"role/{EXECUTION_ROLE}", region="")
# The launch role trusts this path, so a function can get a new role without a change in other accounts.
ENGINE_PATH = "/tapstack-engine/"

# On the launch role. The engine reads it before it launches a version (lambdas/engine/account.py).
ROLES_VERSION_TAG = "tapstack:roles-version"

SERVICE_CATALOG = "servicecatalog.amazonaws.com"


class LaunchRoles(Construct):
    """The launch role, which the engine works with, and the execution role, which it hands to CloudFormation.

    Every account in which the product is launched has both roles and the permissions boundary. Only the hub
    account has the engine.

    Args:
        scope: the stack.
        construct_id: its id.
        hub_account: the account of the engine.
    """

    def __init__(self, scope: Construct, construct_id: str, *, hub_account: str) -> None:
        super().__init__(scope, construct_id)
        bounding = managed_policy(
            self,
            "Boundary",
            "The most that a role of a TapStack can do",
            boundary.permissions(),
            name=PERMISSIONS_BOUNDARY,
        )
        execution_role = iam.Role(
            self,
            "ExecutionRole",
            role_name=EXECUTION_ROLE,
            description="CloudFormation creates, changes and deletes TapStack stacks with it",
            # No condition on aws:SourceAccount: AWS documents that CloudFormation sends it for extensions and
            # StackSets ("Cross-service confused deputy prevention", CloudFormation User Guide), not for the
            # role of a stack, and a condition on a key that is not sent would refuse every launch. A role
            # cannot be passed across accounts ("Grant a user permissions to pass a role", IAM User Guide).
            assumed_by=iam.ServicePrincipal("cloudformation.amazonaws.com"),
            managed_policies=[
                managed_policy(self, name, description, permissions)
                for name, description, permissions in (
                    ("Network", "A TapStack's network", network.permissions()),
                    ("Database", "A TapStack's database and key", database.permissions()),
                    (
                        "Operations",
                        "A TapStack's backups and alarms",
                        [
                            *backups.permissions(),
                            *custom_resources.permissions(),
                            *exports.permissions(),
                            *monitoring.permissions(),
                        ],
                    ),
                    ("Roles", "The roles of a TapStack", roles.permissions()),
                )
            ],
        )
        launch_role = iam.Role(
            self,
            "LaunchRole",
            role_name=LAUNCH_ROLE,
            description="Service Catalog and the TapStack engine launch, update and terminate with it",
            assumed_by=iam.CompositePrincipal(
                # Service Catalog Administrator Guide, "AWS Service Catalog Launch Constraints".
                iam.ServicePrincipal(
                    SERVICE_CATALOG, conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}
                ),
                # The account with a condition, not the roles: a role that is created anew has the same name,
                # but is another principal.
                iam.AccountPrincipal(hub_account).with_conditions(
                    {
                        "ArnLike": {
                            "aws:PrincipalArn": f"arn:{Aws.PARTITION}:iam::{hub_account}:role{ENGINE_PATH}*"
                        }
                    }
                ),
            ),
            managed_policies=[
                managed_policy(self, "Engine", "What the engine does for a launch", _of_engine()),
                managed_policy(self, "ServiceCatalog", "What Service Catalog does", _of_service_catalog()),
            ],
        )
        # The tag says which roles there are, so it comes last.
        launch_role.node.add_dependency(bounding, execution_role)
        Tags.of(launch_role).add(ROLES_VERSION_TAG, str(ROLES_VERSION))


def read_artifacts() -> Permission:
    """Allow reading artifacts, which Service Catalog keeps in buckets of its own and tags."""
    return allow(
        "s3",
        "GetObject",
        on="*",
        when={"StringEquals": {"s3:ExistingObjectTag/servicecatalog:provisioning": "true"}},
        why="R3: a versioned product; Service Catalog keeps versions in buckets of its own and tags them.",
    )


def read_records() -> Permission:
    """Allow asking Service Catalog whether it confirms an operation."""
    return allow(
        "servicecatalog",
        "DescribeRecord",
        on="*",
        why="R4: Service Catalog confirms each operation; the action supports no resource-level permissions.",
    )


_CHECKS = "R4: inputs are validated, and promises verified, against what may not exist yet; this only reads."


def _of_engine() -> list[Permission]:
    stacks = arn("cloudformation", "stack/TapStack-*")
    of_launches = "R4: one stack a launch, named after it."
    return [
        read_artifacts(),
        # Under this condition, no template runs with other permissions than the execution role's.
        allow(
            "cloudformation",
            "CreateChangeSet",
            on=stacks,
            when={"StringEquals": {"cloudformation:RoleArn": EXECUTION_ROLE_ARN}},
            why=of_launches,
        ),
        allow(
            "cloudformation",
            """
                ContinueUpdateRollback DeleteChangeSet DeleteStack DescribeChangeSet DescribeStackEvents
                DescribeStacks ExecuteChangeSet ListStackResources SetStackPolicy TagResource UntagResource
            """,
            on=stacks,
            why=of_launches,
        ),
        allow(
            "iam",
            "PassRole",
            on=EXECUTION_ROLE_ARN,
            when={"StringEquals": {"iam:PassedToService": "cloudformation.amazonaws.com"}},
        ),
        read_records(),
        # To read the roles version.
        allow("iam", "GetRole", on=arn("iam", f"role/{LAUNCH_ROLE}", region="")),
        allow("cloudformation", "ListStacks", on="*", why=_CHECKS),
        allow(
            "ec2",
            """
                DescribeAddresses DescribeAvailabilityZones DescribeNatGateways DescribeSubnets
                DescribeVpcs
            """,
            on="*",
            why=_CHECKS,
        ),
        allow(
            "rds",
            """
                DescribeDBEngineVersions DescribeDBInstances DescribeDBParameters DescribeDBSnapshots
                DescribeOrderableDBInstanceOptions
            """,
            on="*",
            why=_CHECKS,
        ),
        *_of_snapshots(),
        *_of_terminations(),
        allow("servicequotas", "GetAWSDefaultServiceQuota GetServiceQuota", on="*", why=_CHECKS),
        allow("cloudwatch", "DescribeAlarms GetMetricStatistics", on="*", why=_CHECKS),
        allow("sns", "ListSubscriptionsByTopic Publish Subscribe", on=monitoring.TOPIC, why=SUFFIXED),
        # The topic is an optional resource for Unsubscribe (Service Authorization Reference).
        allow(
            "sns",
            "Unsubscribe",
            on="*",
            why="R4: ops emails follow the input; SNS does not always name the topic to the check.",
        ),
    ]


def _of_snapshots() -> list[Permission]:
    """Return what making the snapshot before a major upgrade takes, and deleting it at a termination."""
    snapshots = arn("rds", "snapshot:pre-upgrade-*")
    named = "R3: versions are upgraded; the snapshot before is named after the operation and the database."
    return [
        allow("rds", "CreateDBSnapshot", on=arn("rds", "db:database-*"), when=TAGGED_AS_OURS, why=SUFFIXED),
        allow(
            "rds", "AddTagsToResource CreateDBSnapshot", on=snapshots, when=BEING_TAGGED_AS_OURS, why=named
        ),
        allow("rds", "DeleteDBSnapshot", on=snapshots, when=TAGGED_AS_OURS, why=named),
    ]


def _of_terminations() -> list[Permission]:
    """Return what a termination reads before a deletion (lambdas/plan/deletion.py, neighbours.py)."""
    looks = "R22: the engine finds others' resources that block a stack's deletion; they may have any name."
    return [
        allow(
            "ec2",
            """
                DescribeEgressOnlyInternetGateways DescribeNetworkAcls DescribeNetworkInterfaces
                DescribeRouteTables DescribeSecurityGroups DescribeVpcEndpoints
                DescribeVpcPeeringConnections DescribeVpnGateways
            """,
            on="*",
            why=looks,
        ),
        allow("s3", "GetBucketObjectLockConfiguration ListBucketVersions", on=backups.BUCKETS, why=SUFFIXED),
        allow(
            "s3",
            "GetObjectLegalHold GetObjectRetention",
            on=[f"{bucket}/*" for bucket in backups.BUCKETS],
            why=SUFFIXED,
        ),
    ]


def _of_service_catalog() -> list[Permission]:
    """Return what Service Catalog itself does with the launch role after a provision that succeeded.

    It puts the resources into a group and tags them (Administrator Guide, "Getting started with an External
    product", "Creating launch roles"). If it can't, the provisioned product has the status ERROR although its
    launch succeeded. The key policy lets the launch role tag the key, so nothing here does.
    """
    groups = "R3: Service Catalog groups and tags what a launch made, without resource-level permissions."
    return [
        allow("resource-groups", "CreateGroup", on="*", why=groups),
        allow(
            "resource-groups",
            "DeleteGroup ListGroupResources Tag",
            on=arn("resource-groups", "group/SC-*"),
            why="R3: Service Catalog groups what a launch made; it names the group after the launch.",
        ),
        allow("tag", "GetResources GetTagKeys GetTagValues TagResources UntagResources", on="*", why=groups),
        allow("ec2", "CreateTags DeleteTags", on=network.RESOURCES, when=TAGGED_AS_OURS, why=TAGGED),
        allow(
            "rds",
            "AddTagsToResource RemoveTagsFromResource",
            # With CopyTagsToSnapshot, the first automated snapshot is among the tagged resources.
            on=[arn("rds", name) for name in (*database.NAMES, "snapshot:rds:database-*")],
            why=SUFFIXED,
        ),
        allow("s3", "GetBucketTagging PutBucketTagging", on=backups.BUCKETS, why=SUFFIXED),
        allow("sns", "TagResource UntagResource", on=monitoring.TOPIC, why=SUFFIXED),
        allow("cloudwatch", "TagResource UntagResource", on=monitoring.ALARMS, why=SUFFIXED),
        allow(
            "logs",
            "TagResource UntagResource",
            on=arn("logs", "log-group:*"),
            when=TAGGED_AS_OURS,
            why=SUFFIXED,
        ),
        allow("lambda", "TagResource UntagResource", on=custom_resources.FUNCTIONS, why=SUFFIXED),
        allow("iam", "TagRole UntagRole", on=roles.ROLES, why=SUFFIXED),
        allow("states", "TagResource UntagResource", on=exports.EXPORT_WORKFLOW, why=SUFFIXED),
        allow("events", "TagResource UntagResource", on=exports.EXPORT_RULE, why=SUFFIXED),
        allow("cloudwatch", "TagResource UntagResource", on=monitoring.DASHBOARD, why=SUFFIXED),
    ]
