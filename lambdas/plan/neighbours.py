"""Resources of others in a stack's VPC: EC2 refuses to delete the VPC while they are there."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.wording import named

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import FilterTypeDef, NetworkInterfaceTypeDef

# RDS's description of the network interfaces of DB instances. `deletion` finds the instances in RDS.
_OF_RDS = "RDSNetworkInterface"
_ENDED = {"deleted", "deleting", "expired", "failed", "rejected"}


@dataclass(frozen=True)
class _Neighbour:
    """A type of resource that keeps its VPC from being deleted.

    Attributes:
        command: the command that removes one.
        describe, listing, key: the method of EC2's client that lists them, and its keys for list and id.
        by: the filter for the VPC; empty if the method has none.
        keeps: whether a listed resource keeps this VPC from being deleted.
    """

    noun: str
    command: str
    describe: str
    listing: str
    key: str
    by: str = "vpc-id"
    keeps: Callable[[Any, str], bool] = lambda one, _: str(one.get("State")).lower() not in _ENDED


_NAT_GATEWAYS = _Neighbour(
    "NAT gateway",
    "delete-nat-gateway --nat-gateway-id {}",
    "describe_nat_gateways",
    "NatGateways",
    "NatGatewayId",
)
_ENDPOINTS = _Neighbour(
    "VPC endpoint", "delete-vpc-endpoints --vpc-endpoint-ids {}", "describe_vpc_endpoints", "VpcEndpoints",
    "VpcEndpointId",
)  # fmt: skip
# EC2 API reference, DeleteVpc; AWS re:Post, "troubleshoot-dependency-error-delete-vpc"; for peering
# connections and egress-only gateways also reports: hashicorp/terraform-provider-aws 3118,
# gruntwork-io/cloud-nuke 345.
_NEIGHBOURS = (
    _NAT_GATEWAYS,
    _ENDPOINTS,
    _Neighbour(
        "VPC peering connection", "delete-vpc-peering-connection --vpc-peering-connection-id {}",
        "describe_vpc_peering_connections", "VpcPeeringConnections", "VpcPeeringConnectionId",
        by="",
        keeps=lambda one, vpc: (
            vpc in (one["RequesterVpcInfo"].get("VpcId"), one["AccepterVpcInfo"].get("VpcId"))
            and one["Status"]["Code"] not in _ENDED
        ),
    ),
    _Neighbour(
        "VPN gateway", "detach-vpn-gateway --vpc-id {vpc} --vpn-gateway-id {}", "describe_vpn_gateways",
        "VpnGateways", "VpnGatewayId", by="attachment.vpc-id",
        keeps=lambda one, _: any(each["State"] == "attached" for each in one["VpcAttachments"]),
    ),
    _Neighbour(
        "egress-only internet gateway",
        "delete-egress-only-internet-gateway --egress-only-internet-gateway-id {}",
        "describe_egress_only_internet_gateways", "EgressOnlyInternetGateways", "EgressOnlyInternetGatewayId",
        by="", keeps=lambda one, vpc: any(each.get("VpcId") == vpc for each in one.get("Attachments", [])),
    ),
    _Neighbour("subnet", "delete-subnet --subnet-id {}", "describe_subnets", "Subnets", "SubnetId"),
    _Neighbour(
        "route table", "delete-route-table --route-table-id {}", "describe_route_tables", "RouteTables",
        "RouteTableId", keeps=lambda one, _: not any(each.get("Main") for each in one["Associations"]),
    ),
    _Neighbour(
        "network ACL", "delete-network-acl --network-acl-id {}", "describe_network_acls", "NetworkAcls",
        "NetworkAclId", keeps=lambda one, _: not one["IsDefault"],
    ),
    _Neighbour(
        "security group", "delete-security-group --group-id {}", "describe_security_groups", "SecurityGroups",
        "GroupId", keeps=lambda one, _: one["GroupName"] != "default",
    ),
)  # fmt: skip


def neighbours(ec2: EC2Client, own: Collection[str], vpc: str) -> Iterator[str]:
    """Yield what others have in a VPC, or attached to it, with the command that removes it.

    Args:
        ec2: reads the VPC.
        own: the physical ids of the stack's resources.
        vpc: the id of the VPC.
    """
    yield from _interfaces(ec2, vpc)
    for neighbour in _NEIGHBOURS:
        for one in _described(ec2, neighbour, vpc):
            name = one[neighbour.key]
            if name not in own and neighbour.keeps(one, vpc):
                yield f"{neighbour.noun} {name}: aws ec2 {neighbour.command.format(name, vpc=vpc)}"
    yield from _rules_of_default_group(ec2, own, vpc)


def _rules_of_default_group(ec2: EC2Client, own: Collection[str], vpc: str) -> Iterator[str]:
    """Yield the default group if its rules name a group of the stack: EC2 does not delete a named group."""
    for group in _described(ec2, _NEIGHBOURS[-1], vpc):
        rules = [*group["IpPermissions"], *group["IpPermissionsEgress"]]
        referred = {pair.get("GroupId") for rule in rules for pair in rule.get("UserIdGroupPairs", [])}
        if group["GroupName"] == "default" and (ours := sorted(referred & set(own))):
            yield (
                f"security group {group['GroupId']} has rules that name {', '.join(ours)}; remove them: aws "
                f"ec2 describe-security-group-rules --filters Name=group-id,Values={group['GroupId']}"
            )


def _described(ec2: EC2Client, neighbour: _Neighbour, vpc: str) -> list[Any]:
    asked: dict[str, Any] = {}
    if neighbour.by:
        asked["Filter" if neighbour is _NAT_GATEWAYS else "Filters"] = [
            {"Name": neighbour.by, "Values": [vpc]}
        ]
    pages = (
        ec2.get_paginator(neighbour.describe).paginate(**asked)  # type: ignore[call-overload]
        if ec2.can_paginate(neighbour.describe)
        else [getattr(ec2, neighbour.describe)(**asked)]
    )
    return [one for page in pages for one in page[neighbour.listing]]


def _interfaces(ec2: EC2Client, vpc: str) -> Iterator[str]:
    """Yield the network interfaces of others: EC2 does not delete their subnet and security groups."""
    # Those of NAT gateways and endpoints go with them, and `neighbours` lists these by themselves.
    expected = {
        address.get("NetworkInterfaceId")
        for gateway in _described(ec2, _NAT_GATEWAYS, vpc)
        for address in gateway.get("NatGatewayAddresses", [])
    } | {
        interface
        for endpoint in _described(ec2, _ENDPOINTS, vpc)
        for interface in endpoint.get("NetworkInterfaceIds", [])
    }
    by_owner: dict[str, list[str]] = defaultdict(list)
    filters: list[FilterTypeDef] = [{"Name": "vpc-id", "Values": [vpc]}]
    pages = ec2.get_paginator("describe_network_interfaces").paginate(Filters=filters)
    for interface in (each for page in pages for each in page["NetworkInterfaces"]):
        if interface["NetworkInterfaceId"] not in expected and interface.get("Description") != _OF_RDS:
            by_owner[_owner(interface)].append(
                f"{interface['NetworkInterfaceId']} in {interface['SubnetId']}"
            )
    for owner, ids in by_owner.items():
        yield f"network interface {named(ids, at_most=3)}: {owner}"


def _owner(interface: NetworkInterfaceTypeDef) -> str:
    """Return what a network interface belongs to, and how to remove it."""
    description = interface.get("Description", "")
    if instance := interface.get("Attachment", {}).get("InstanceId"):
        return f"of EC2 instance {instance}: aws ec2 terminate-instances --instance-ids {instance}"
    if function := re.fullmatch(
        r"AWS Lambda VPC ENI-(.+)-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", description
    ):
        return (
            f"of Lambda functions such as {function[1]}: take them out of the VPC, and wait up to 20 "
            f"minutes: aws lambda update-function-configuration --function-name {function[1]} --vpc-config "
            "SubnetIds=[],SecurityGroupIds=[]"
        )
    if interface.get("Status") == "available":
        return "of nothing: aws ec2 delete-network-interface --network-interface-id ID"
    interface_type = interface.get("InterfaceType", "interface")
    return f'of something else ({interface_type}, "{description}"): delete that, or take it out of the VPC'
