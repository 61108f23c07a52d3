"""The network: two zones, private subnets for the database, and VPC endpoints for AWS services."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import aws_cdk as cdk
import jsii
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from product_template.acknowledgements import HIPAA, NIST, PCI, SOLUTIONS, acknowledge
from product_template.custom_resources import CustomResourceFunction
from product_template.encryption import Encryption, arn, on_behalf_of
from product_template.naming import Naming
from product_template.roles import service_role

POSTGRESQL_PORT = 5432
HTTPS_PORT = 443


@dataclass(frozen=True)
class Reached:
    """What a VPC endpoint allows: `actions` of its service on `resources` of this account, by its principals.

    The endpoint serves the whole VPC and refuses everything else. So nobody in the VPC changes databases or
    topics through it, and no data goes to another account.
    """

    actions: tuple[str, ...]
    resources: str = "*"


ENDPOINTS = {
    "rds": Reached(("Describe*", "ListTagsForResource")),
    "sns": Reached(("Publish",)),
    "logs": Reached(
        ("CreateLogStream", "DescribeLogGroups", "DescribeLogStreams", "PutLogEvents"), "log-group:*"
    ),
    "events": Reached(("PutEvents",), "event-bus/*"),
}


class Network(Construct):
    """A VPC in two zones with a NAT gateway in each, so that one zone works without the other.

    Attributes:
        vpc: the VPC. Its private subnets reach the internet through NAT; the internet does not reach them.
        clients: the security group whose members may connect to the database.
        database: the security group of the database. It lets the clients in and nothing out.
        nat_gateway_ids: one for each zone.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, naming: Naming, encryption: Encryption, cidr: str
    ) -> None:
        super().__init__(scope, construct_id)
        self.vpc = self._vpc(naming, cidr)
        self._close_default_security_group(naming, encryption)
        self._record_traffic(naming, encryption)
        self.nat_gateway_ids = [
            cast("ec2.CfnNatGateway", subnet.node.find_child("NATGateway")).ref
            for subnet in self.vpc.public_subnets
        ]
        self.clients = self._security_group(naming, "client", "Members may connect to the database")
        self.database = self._security_group(naming, "database", "Lets clients in and nothing out")
        self._let_clients_reach_database()
        self._endpoints(naming)

    def _vpc(self, naming: Naming, cidr: str) -> ec2.Vpc:
        vpc = ec2.Vpc(
            self,
            "Vpc",
            ip_addresses=_CidrOfLaunch(cidr),
            max_azs=2,
            nat_gateways=2,
            subnet_configuration=[
                ec2.SubnetConfiguration(
                    name="Public", subnet_type=ec2.SubnetType.PUBLIC, map_public_ip_on_launch=False
                ),
                ec2.SubnetConfiguration(name="Private", subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS),
            ],
        )
        naming.tag(vpc, "vpc")
        naming.tag(vpc.node.find_child("IGW"), "internet-gateway")
        for kind, subnets in (("public", vpc.public_subnets), ("private", vpc.private_subnets)):
            for zone, subnet in enumerate(subnets, start=1):
                naming.tag(subnet, f"{kind}-subnet-{zone}")
                naming.tag(subnet.node.find_child("RouteTable"), f"{kind}-route-table-{zone}")
        for zone, subnet in enumerate(vpc.public_subnets, start=1):
            naming.tag(subnet.node.find_child("EIP"), f"elastic-ip-{zone}")
            naming.tag(subnet.node.find_child("NATGateway"), f"nat-gateway-{zone}")
            acknowledge(
                subnet.node.find_child("DefaultRoute"),
                "VPCNoUnrestrictedRouteToIGW",
                PCI,
                NIST,
                HIPAA,
                because="R16, R17: public subnets with NAT gateways are asked for; nothing else is in them.",
            )
        return vpc

    def _close_default_security_group(self, naming: Naming, encryption: Encryption) -> None:
        """Remove the rules of the default security group, which a resource without a group gets."""
        group = self.vpc.vpc_default_security_group
        closer = CustomResourceFunction(
            self,
            "Closer",
            naming=naming,
            encryption=encryption,
            handler="close_security_group",
            description="Takes all rules off the default security group of this stack's VPC",
            statements=[
                # It supports no resource-level permissions (Service Authorization Reference).
                iam.PolicyStatement(actions=["ec2:DescribeSecurityGroups"], resources=["*"]),
                iam.PolicyStatement(
                    actions=["ec2:RevokeSecurityGroupEgress", "ec2:RevokeSecurityGroupIngress"],
                    resources=[arn("ec2", f"security-group/{group}")],
                ),
            ],
            wildcards={
                "Resource::*": "R20: ec2:DescribeSecurityGroups supports no resource-level permissions."
            },
        )
        cdk.CustomResource(
            self,
            "ClosedDefaultSecurityGroup",
            resource_type="Custom::ClosedSecurityGroup",
            service_token=closer.arn,
            service_timeout=cdk.Duration.minutes(5),
            properties={"GroupId": group},
        )
        acknowledge(
            self.vpc,
            "VPCDefaultSecurityGroupClosed",
            PCI,
            NIST,
            HIPAA,
            because="Fixed (R20) by ClosedDefaultSecurityGroup; the rule warns whatever a template does.",
        )

    def _record_traffic(self, naming: Naming, encryption: Encryption) -> None:
        log_group = encryption.log_group(self, "FlowLogGroup", naming.of("/aws/vpc/flow-log"))
        role = service_role(
            self,
            "FlowLogRole",
            naming=naming,
            kind="flow-log",
            service="vpc-flow-logs.amazonaws.com",
            when=on_behalf_of(arn("ec2", "vpc-flow-log/*")),
            statements=[
                # Not CreateLogGroup: flow logs that arrive late would create a deleted group again.
                iam.PolicyStatement(
                    actions=["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
                    resources=[log_group.log_group_arn],
                ),
                # VPC User Guide, "IAM role for publishing flow logs to CloudWatch Logs"
                iam.PolicyStatement(actions=["logs:DescribeLogGroups"], resources=["*"]),
            ],
            wildcards={
                "Resource::*": "R24: flow logs find their group with logs:DescribeLogGroups on all groups."
            },
        )
        flow_log = ec2.CfnFlowLog(
            self,
            "FlowLog",
            resource_id=self.vpc.vpc_id,
            resource_type="VPC",
            traffic_type="ALL",
            log_group_name=log_group.log_group_name,
            deliver_logs_permission_arn=role.role_arn,
        )
        naming.tag(flow_log, "flow-log")

    def _let_clients_reach_database(self) -> None:
        # Resources of their own, because inline rules of two groups would refer to each other in a circle.
        clients, database = self.clients.security_group_id, self.database.security_group_id
        ec2.CfnSecurityGroupEgress(
            self,
            "ClientToDatabase",
            group_id=clients,
            destination_security_group_id=database,
            ip_protocol="tcp",
            from_port=POSTGRESQL_PORT,
            to_port=POSTGRESQL_PORT,
            description="PostgreSQL to the database",
        )
        ec2.CfnSecurityGroupIngress(
            self,
            "DatabaseFromClient",
            group_id=database,
            source_security_group_id=clients,
            ip_protocol="tcp",
            from_port=POSTGRESQL_PORT,
            to_port=POSTGRESQL_PORT,
            description="PostgreSQL from the clients",
        )

    def _endpoints(self, naming: Naming) -> None:
        group = self._security_group(naming, "endpoint", "HTTPS from the VPC to the AWS services")
        group.add_ingress_rule(
            ec2.Peer.ipv4(self.vpc.vpc_cidr_block), ec2.Port.tcp(HTTPS_PORT), "HTTPS from the VPC"
        )
        for rule, packs in (
            ("EC23", (SOLUTIONS,)),
            ("EC2RestrictedCommonPorts", (PCI, NIST, HIPAA)),
            ("EC2RestrictedSSH", (PCI, NIST, HIPAA)),
        ):
            acknowledge(
                group,
                rule,
                *packs,
                because="R18, R20: only port 443 is open, and only to the VPC's own range, a parameter that "
                "the rule cannot read.",
            )
        for service, reached in ENDPOINTS.items():
            name = service.title()
            endpoint = ec2.InterfaceVpcEndpoint(
                self,
                f"{name}Endpoint",
                vpc=self.vpc,
                service=ec2.InterfaceVpcEndpointAwsService(service),
                subnets=ec2.SubnetSelection(subnets=self.vpc.private_subnets),
                security_groups=[group],
                private_dns_enabled=True,
                open=False,
            )
            endpoint.add_to_policy(
                iam.PolicyStatement(
                    principals=[iam.AnyPrincipal()],
                    actions=[f"{service}:{action}" for action in reached.actions],
                    resources=[arn(service, reached.resources)],
                    conditions={"StringEquals": {"aws:PrincipalAccount": cdk.Aws.ACCOUNT_ID}},
                )
            )
            naming.tag(endpoint, f"{service}-endpoint")

    def _security_group(self, naming: Naming, role: str, description: str) -> ec2.SecurityGroup:
        name = f"{role}-security-group"
        group = ec2.SecurityGroup(
            self,
            f"{role.title()}SecurityGroup",
            vpc=self.vpc,
            security_group_name=naming.of(name),
            description=description,
            allow_all_outbound=False,
        )
        naming.tag(group, name)
        return group


@jsii.implements(ec2.IIpAddresses)
class _CidrOfLaunch:
    """Makes /24 subnets of a range that the launch chooses; the CDK's own class needs it at synthesis."""

    def __init__(self, cidr: str) -> None:
        self._cidr = cidr

    def allocate_vpc_cidr(self) -> ec2.VpcIpamOptions:
        return ec2.VpcIpamOptions(cidr_block=self._cidr)

    def allocate_subnets_cidr(
        self,
        *,
        requested_subnets: Sequence[ec2.RequestedSubnet | dict[str, Any]],
        vpc_cidr: str,
    ) -> ec2.SubnetIpamOptions:
        count = len(requested_subnets)
        blocks = cdk.Fn.cidr(vpc_cidr, count, "8")
        return ec2.SubnetIpamOptions(
            allocated_subnets=[
                ec2.AllocatedSubnet(cidr=cdk.Fn.select(number, blocks)) for number in range(count)
            ]
        )
