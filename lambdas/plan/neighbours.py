"""What others have in the network of a stack: EC2 keeps subnets, groups and network while it is there."""

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

# What RDS calls the network interfaces of DB instances; `deletion` finds the instances in RDS.
_OF_RDS = "RDSNetworkInterface"
_ENDED = {"deleted", "deleting", "expired", "failed", "rejected"}


@dataclass(frozen=True)
class _Kind:
    """A kind of resource that keeps its network from being deleted, and the command that removes one.

    Attributes:
        by: the name of the filter for the network; empty where there is none for it.
        keeps: whether one that is found counts for the network.
    """

    noun: str
    command: str
    operation: str
    listing: str
    key: str
    by: str = "vpc-id"
    keeps: Callable[[Any, str], bool] = lambda one, _: str(one.get("State")).lower() not in _ENDED


_NAT_GATEWAYS = _Kind(
    "NAT gateway",
    "delete-nat-gateway --nat-gateway-id {}",
    "describe_nat_gateways",
    "NatGateways",
    "NatGatewayId",
)
_ENDPOINTS = _Kind(
    "VPC endpoint", "delete-vpc-endpoints --vpc-endpoint-ids {}", "describe_vpc_endpoints", "VpcEndpoints",
    "VpcEndpointId",
)  # fmt: skip
# EC2 API reference, DeleteVpc; AWS re:Post, "troubleshoot-dependency-error-delete-vpc"; for peering
# connections and egress-only gateways also reports: hashicorp/terraform-provider-aws 3118,
# gruntwork-io/cloud-nuke 345.
_NEIGHBOURS = (
    _NAT_GATEWAYS,
    _ENDPOINTS,
    _Kind(
        "VPC peering connection", "delete-vpc-peering-connection --vpc-peering-connection-id {}",
        "describe_vpc_peering_connections", "VpcPeeringConnections", "VpcPeeringConnectionId",
        by="",
        keeps=lambda one, vpc: (
            vpc in (one["RequesterVpcInfo"].get("VpcId"), one["AccepterVpcInfo"].get("VpcId"))
            and one["Status"]["Code"] not in _ENDED
        ),
    ),
    _Kind(
        "VPN gateway", "detach-vpn-gateway --vpc-id {vpc} --vpn-gateway-id {}", "describe_vpn_gateways",
        "VpnGateways", "VpnGatewayId", by="attachment.vpc-id",
        keeps=lambda one, _: any(each["State"] == "attached" for each in one["VpcAttachments"]),
    ),
    _Kind(
        "egress-only internet gateway",
        "delete-egress-only-internet-gateway --egress-only-internet-gateway-id {}",
        "describe_egress_only_internet_gateways", "EgressOnlyInternetGateways", "EgressOnlyInternetGatewayId",
        by="", keeps=lambda one, vpc: any(each.get("VpcId") == vpc for each in one.get("Attachments", [])),
    ),
    _Kind("subnet", "delete-subnet --subnet-id {}", "describe_subnets", "Subnets", "SubnetId"),
    _Kind(
        "route table", "delete-route-table --route-table-id {}", "describe_route_tables", "RouteTables",
        "RouteTableId", keeps=lambda one, _: not any(each.get("Main") for each in one["Associations"]),
    ),
    _Kind(
        "network ACL", "delete-network-acl --network-acl-id {}", "describe_network_acls", "NetworkAcls",
        "NetworkAclId", keeps=lambda one, _: not one["IsDefault"],
    ),
    _Kind(
        "security group", "delete-security-group --group-id {}", "describe_security_groups", "SecurityGroups",
        "GroupId", keeps=lambda one, _: one["GroupName"] != "default",
    ),
)  # fmt: skip


def neighbours(ec2: EC2Client, own: Collection[str], vpc: str) -> Iterator[str]:
    """Find what others have in a network, or attached to it, each with the way to remove it.

    Args:
        ec2: reads the network.
        own: the physical ids of what belongs to the stack.
        vpc: the network.
    """
    yield from _interfaces(ec2, vpc)
    for kind in _NEIGHBOURS:
        for one in _described(ec2, kind, vpc):
            name = one[kind.key]
            if name not in own and kind.keeps(one, vpc):
                yield f"{kind.noun} {name}: aws ec2 {kind.command.format(name, vpc=vpc)}"
    yield from _rules_of_default_group(ec2, own, vpc)


def _rules_of_default_group(ec2: EC2Client, own: Collection[str], vpc: str) -> Iterator[str]:
    """Find rules that name a group of the stack: EC2 keeps a group that another one refers to."""
    for group in _described(ec2, _NEIGHBOURS[-1], vpc):
        rules = [*group["IpPermissions"], *group["IpPermissionsEgress"]]
        referred = {pair.get("GroupId") for rule in rules for pair in rule.get("UserIdGroupPairs", [])}
        if group["GroupName"] == "default" and (ours := sorted(referred & set(own))):
            yield (
                f"security group {group['GroupId']} has rules that name {', '.join(ours)}; remove them: aws "
                f"ec2 describe-security-group-rules --filters Name=group-id,Values={group['GroupId']}"
            )


def _described(ec2: EC2Client, kind: _Kind, vpc: str) -> list[Any]:
    asked: dict[str, Any] = {}
    if kind.by:
        asked["Filter" if kind is _NAT_GATEWAYS else "Filters"] = [{"Name": kind.by, "Values": [vpc]}]
    pages = (
        ec2.get_paginator(kind.operation).paginate(**asked)  # type: ignore[call-overload]
        if ec2.can_paginate(kind.operation)
        else [getattr(ec2, kind.operation)(**asked)]
    )
    return [one for page in pages for one in page[kind.listing]]


def _interfaces(ec2: EC2Client, vpc: str) -> Iterator[str]:
    """Find interfaces of others: nothing that they are in can be deleted."""
    # Those of gateways and endpoints go with them: whose those are is looked at for themselves.
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
    """Say what an interface belongs to, and how it goes."""
    description = interface.get("Description", "")
    if instance := interface.get("Attachment", {}).get("InstanceId"):
        return f"of EC2 instance {instance}: aws ec2 terminate-instances --instance-ids {instance}"
    if function := re.fullmatch(
        r"AWS Lambda VPC ENI-(.+)-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", description
    ):
        return (
            f"of Lambda functions such as {function[1]}: take them out of the network, and wait up to 20 "
            f"minutes: aws lambda update-function-configuration --function-name {function[1]} --vpc-config "
            "SubnetIds=[],SecurityGroupIds=[]"
        )
    if interface.get("Status") == "available":
        return "of nothing: aws ec2 delete-network-interface --network-interface-id ID"
    kind = interface.get("InterfaceType", "interface")
    return f'of something else ({kind}, "{description}"): delete that, or take it out of the network'
