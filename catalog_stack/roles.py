"""The two roles of an account in which the product is launched."""

from __future__ import annotations

from aws_cdk import Aws
from aws_cdk import aws_iam as iam
from constructs import Construct

from . import permissions
from .function import ROLE_PATH
from .permissions import TAGGED_AS_OURS, allow, arn

# Fixed, because the launch constraint and the engine know the roles of every account by these names.
LAUNCH_ROLE = "SCLaunch-TapStack"
EXECUTION_ROLE = "TapStackExecution"

SERVICE_CATALOG = "servicecatalog.amazonaws.com"


class LaunchRoles(Construct):
    """The launch role, which the engine works with, and the execution role, which it hands to CloudFormation.

    Every account in which the product is launched has both; the engine is in the hub account alone.

    Args:
        scope: the stack.
        construct_id: its id.
        hub_account: the account of the engine.
    """

    def __init__(self, scope: Construct, construct_id: str, *, hub_account: str) -> None:
        super().__init__(scope, construct_id)
        here = {"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}
        iam.Role(
            self,
            "ExecutionRole",
            role_name=EXECUTION_ROLE,
            description="CloudFormation creates, changes and deletes TapStack stacks with it",
            assumed_by=iam.ServicePrincipal("cloudformation.amazonaws.com", conditions=here),
            managed_policies=[
                iam.ManagedPolicy(self, name, description=description, statements=statements)
                for name, description, statements in (
                    ("Network", "A TapStack's network", permissions.of_network()),
                    (
                        "Database",
                        "A TapStack's database and key",
                        permissions.of_database() + permissions.of_encryption(),
                    ),
                    (
                        "Operations",
                        "A TapStack's backups and alarms",
                        permissions.of_backups() + permissions.of_monitoring(),
                    ),
                )
            ],
        )
        iam.Role(
            self,
            "LaunchRole",
            role_name=LAUNCH_ROLE,
            description="Service Catalog and the TapStack engine launch, update and terminate with it",
            assumed_by=iam.CompositePrincipal(
                iam.ServicePrincipal(SERVICE_CATALOG, conditions=here),
                # The account under a condition instead of the roles: a re-created role is another principal.
                iam.AccountPrincipal(hub_account).with_conditions(
                    {
                        "ArnLike": {
                            "aws:PrincipalArn": f"arn:{Aws.PARTITION}:iam::{hub_account}:role{ROLE_PATH}*"
                        }
                    }
                ),
            ),
            inline_policies={
                "Engine": iam.PolicyDocument(statements=_of_engine()),
                "ServiceCatalog": iam.PolicyDocument(statements=_of_service_catalog()),
            },
        )


def read_artifacts() -> iam.PolicyStatement:
    """Allow reading product versions: Service Catalog keeps them in a bucket of its own and tags them so."""
    return allow(
        "s3",
        "GetObject",
        on="*",
        when={"StringEquals": {"s3:ExistingObjectTag/servicecatalog:provisioning": "true"}},
    )


def _of_engine() -> list[iam.PolicyStatement]:
    execution_role = arn("iam", f"role/{EXECUTION_ROLE}", region="")
    return [
        read_artifacts(),
        allow(
            "cloudformation",
            """
                CreateChangeSet DeleteChangeSet DeleteStack DescribeChangeSet DescribeStackEvents
                DescribeStacks ExecuteChangeSet ListStackResources SetStackPolicy TagResource
                UntagResource
            """,
            on=arn("cloudformation", "stack/TapStack-*"),
        ),
        allow(
            "iam",
            "PassRole",
            on=execution_role,
            when={"StringEquals": {"iam:PassedToService": "cloudformation.amazonaws.com"}},
        ),
        # Reads that check inputs and promises, on resources that are not ours or do not exist yet.
        allow("cloudformation", "ListStacks", on="*"),
        allow(
            "ec2",
            """
                DescribeAddresses DescribeAvailabilityZones DescribeNatGateways DescribeSubnets
                DescribeVpcs
            """,
            on="*",
        ),
        allow("rds", "DescribeDBInstances DescribeDBParameters DescribeOrderableDBInstanceOptions", on="*"),
        allow("servicequotas", "GetAWSDefaultServiceQuota GetServiceQuota", on="*"),
        allow("cloudwatch", "DescribeAlarms", on="*"),
        allow("sns", "ListSubscriptionsByTopic Subscribe", on=arn("sns", "alert-topic-*")),
        allow("sns", "Unsubscribe", on="*"),  # SNS knows no resource for it
    ]


def _of_service_catalog() -> list[iam.PolicyStatement]:
    """What Service Catalog itself does with the launch role after a provision that succeeded.

    It puts the resources into a group and tags them (Administrator Guide, "Getting started with an External
    product", "Creating launch roles"). If it can't, the provisioned product is in ERROR though all is well.
    """
    return [
        allow("resource-groups", "CreateGroup", on="*"),  # a group has no ARN before it is created
        allow(
            "resource-groups", "DeleteGroup ListGroupResources Tag", on=arn("resource-groups", "group/SC-*")
        ),
        allow("tag", "GetResources GetTagKeys GetTagValues TagResources UntagResources", on="*"),
        allow("ec2", "CreateTags DeleteTags", on=arn("ec2", "*/*"), when=TAGGED_AS_OURS),
        allow("kms", "TagResource UntagResource", on=arn("kms", "key/*"), when=TAGGED_AS_OURS),
        allow("rds", "AddTagsToResource RemoveTagsFromResource", on=arn("rds", "*:*"), when=TAGGED_AS_OURS),
        allow(
            "s3", "GetBucketTagging PutBucketTagging", on=arn("s3", "backup-bucket-*", region="", account="")
        ),
        allow("sns", "TagResource UntagResource", on=arn("sns", "alert-topic-*")),
        allow("cloudwatch", "TagResource UntagResource", on=arn("cloudwatch", "alarm:*-alarm-*")),
        allow("logs", "TagResource UntagResource", on=arn("logs", "log-group:*"), when=TAGGED_AS_OURS),
        allow("lambda", "TagResource UntagResource", on=arn("lambda", "function:empty-bucket-function-*")),
        allow("iam", "TagRole UntagRole", on=arn("iam", "role/tapstack/*", region="")),
    ]
