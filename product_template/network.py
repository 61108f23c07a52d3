"""The network: two zones, private subnets for the database, and private ways to the AWS services it needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import aws_cdk as cdk
import jsii
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from product_template.naming import Naming

POSTGRESQL_PORT = 5432
HTTPS_PORT = 443


class Network(Construct):
    """A VPC over two zones with a NAT gateway in each, so that losing a zone leaves the other one whole.

    Attributes:
        vpc: the VPC. Its private subnets reach the internet through NAT; nothing reaches them from there.
        clients: the security group whose members may connect to the database.
        database: the security group of the database. It lets the clients in and nothing out.
    """

    def __init__(self, scope: Construct, construct_id: str, *, naming: Naming, cidr: str) -> None:
        super().__init__(scope, construct_id)
        self.vpc = self._vpc(naming, cidr)
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
        return vpc

    def _let_clients_reach_database(self) -> None:
        # Rules between two groups are resources of their own, because neither group can name the other first.
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
        for name, service in (
            ("Rds", ec2.InterfaceVpcEndpointAwsService.RDS),
            ("Sns", ec2.InterfaceVpcEndpointAwsService.SNS),
            ("Logs", ec2.InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS),
            ("Events", ec2.InterfaceVpcEndpointAwsService.EVENTBRIDGE),
        ):
            endpoint = ec2.InterfaceVpcEndpoint(
                self,
                f"{name}Endpoint",
                vpc=self.vpc,
                service=service,
                subnets=ec2.SubnetSelection(subnets=self.vpc.private_subnets),
                security_groups=[group],
                private_dns_enabled=True,
                open=False,
            )
            naming.tag(endpoint, f"{name.lower()}-endpoint")

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
    """Cuts /24 subnets out of a range known only at launch; the CDK's own way needs it at synthesis."""

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
