"""VPC, subnets, gateways, routes, security groups, endpoints and flow logs."""

from __future__ import annotations

from ..policy import Permission, allow, arn
from .tags import BEING_TAGGED_AS_OURS, READ, TAGGED, TAGGED_AS_OURS

# Each type is spelled out, because IAM matches no wildcard in its place (IAM User Guide, "Identify AWS
# resources with ARNs", "Incorrect wildcard usage").
RESOURCES = [
    arn("ec2", f"{kind}/*")
    for kind in (
        "elastic-ip",
        "internet-gateway",
        "natgateway",
        "route-table",
        "security-group",
        "subnet",
        "vpc",
        "vpc-endpoint",
        "vpc-flow-log",
    )
]


def permissions() -> list[Permission]:
    """Return what CloudFormation needs for the network."""
    return [
        allow(
            "ec2",
            """
                DescribeAccountAttributes DescribeAddresses DescribeAvailabilityZones DescribeFlowLogs
                DescribeInstances DescribeInternetGateways DescribeNatGateways DescribeNetworkAcls
                DescribeNetworkInterfaces DescribeRouteTables DescribeSecurityGroupRules
                DescribeSecurityGroups DescribeSubnets DescribeTags DescribeVpcAttribute
                DescribeVpcEndpoints DescribeVpcs DescribeVpnGateways
            """,
            on="*",
            why=READ,
        ),
        # The schema of AWS::EC2::FlowLog lists this action.
        allow("autoscaling", "DescribeTags", on="*", why=READ),
        allow(
            "ec2",
            """
                AllocateAddress CreateFlowLogs CreateInternetGateway CreateNatGateway CreateRouteTable
                CreateSecurityGroup CreateSubnet CreateVpc CreateVpcEndpoint
            """,
            on=RESOURCES,
            why="R16: a network of its own; what EC2 creates has no id yet.",
        ),
        allow(
            "ec2",
            """
                AssociateRouteTable AttachInternetGateway AuthorizeSecurityGroupEgress
                AuthorizeSecurityGroupIngress CreateRoute DeleteFlowLogs DeleteInternetGateway
                DeleteNatGateway DeleteRoute DeleteRouteTable DeleteSecurityGroup DeleteSubnet DeleteVpc
                DeleteVpcEndpoints DetachInternetGateway DisassociateAddress DisassociateRouteTable
                ModifySubnetAttribute ModifyVpcAttribute ModifyVpcEndpoint ReleaseAddress ReplaceRoute
                ReplaceRouteTableAssociation RevokeSecurityGroupEgress RevokeSecurityGroupIngress
                UpdateSecurityGroupRuleDescriptionsEgress UpdateSecurityGroupRuleDescriptionsIngress
            """,
            on=RESOURCES,
            when=TAGGED_AS_OURS,
            why=TAGGED,
        ),
        allow("ec2", "CreateTags", on=RESOURCES, when=BEING_TAGGED_AS_OURS, why=TAGGED),
        allow("ec2", "CreateTags DeleteTags", on=RESOURCES, when=TAGGED_AS_OURS, why=TAGGED),
        # VPC User Guide, "Publish flow logs to CloudWatch Logs": whoever creates a flow log needs these.
        allow(
            "logs",
            "CreateLogDelivery DeleteLogDelivery",
            on="*",
            why="R24: logging throughout; log deliveries support no resource-level permissions.",
        ),
    ]
