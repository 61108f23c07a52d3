"""AWS::EC2."""
# The methods are described by Provider.
# ruff: noqa: ARG002, D102

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from ..api_object import Api
from ..provider import Call, Properties, Provider, ProviderError, Tagging

_TAGGING = Tagging(tag="create_tags", untag="delete_tags", key="Resources")


def _modify(method: str, key: str, *names: str) -> Callable[[Call, str, Properties, Properties], None]:
    """Return an `after` that makes one Modify…Attribute call for each changed property."""

    def after(call: Call, physical_id: str, old: Properties, new: Properties) -> None:
        for name in names:
            if name in new and new[name] != old.get(name):
                getattr(call.client("ec2"), method)(**{key: physical_id, name: {"Value": new[name]}})

    return after


def _permission(rule: Properties) -> dict[str, Any]:
    """Return a rule of the template as EC2's IpPermission."""
    permission: dict[str, Any] = {
        key: rule[key] for key in ("IpProtocol", "FromPort", "ToPort") if key in rule
    }
    note = {"Description": rule["Description"]} if "Description" in rule else {}
    forms = {
        "CidrIp": ("IpRanges", "CidrIp"),
        "CidrIpv6": ("Ipv6Ranges", "CidrIpv6"),
        "SourceSecurityGroupId": ("UserIdGroupPairs", "GroupId"),
        "DestinationSecurityGroupId": ("UserIdGroupPairs", "GroupId"),
        "SourcePrefixListId": ("PrefixListIds", "PrefixListId"),
        "DestinationPrefixListId": ("PrefixListIds", "PrefixListId"),
    }
    known = {*forms, "IpProtocol", "FromPort", "ToPort", "Description", "GroupId"}
    if unknown := sorted(rule.keys() - known):
        raise ProviderError(
            f"The local CloudFormation does not emulate {', '.join(unknown)} in a security group rule"
        )
    for name, (group, member) in forms.items():
        if name in rule:
            permission[group] = [{member: rule[name]} | note]
    return permission


def _security_group_rules(call: Call, group_id: str, old: Properties, new: Properties) -> None:
    ec2 = call.client("ec2")
    if not old and "SecurityGroupEgress" in new:
        # EC2 lets a new group send everything; egress rules in the template replace that rule.
        ec2.revoke_security_group_egress(
            GroupId=group_id, IpPermissions=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
        )
    for name, direction in (("SecurityGroupIngress", "ingress"), ("SecurityGroupEgress", "egress")):
        before, now = old.get(name, []), new.get(name, [])
        gone, added = (
            [rule for rule in before if rule not in now],
            [rule for rule in now if rule not in before],
        )
        if gone:
            getattr(ec2, f"revoke_security_group_{direction}")(
                GroupId=group_id, IpPermissions=[_permission(r) for r in gone]
            )
        for rule in added:
            getattr(ec2, f"authorize_security_group_{direction}")(
                GroupId=group_id, IpPermissions=[_permission(rule)]
            )


@dataclass(frozen=True)
class SecurityGroupRule:
    """AWS::EC2::SecurityGroupIngress and -Egress: a rule of a security group that is another resource."""

    direction: str
    name: str | None = None
    tagging: Tagging | None = None
    attributes: Mapping[str, str] = field(default_factory=lambda: {"Id": "{id}"})

    def create(self, call: Call, properties: Properties) -> str:
        answer = getattr(call.client("ec2"), f"authorize_security_group_{self.direction}")(
            GroupId=properties["GroupId"], IpPermissions=[_permission(properties)]
        )
        physical_id = str(answer["SecurityGroupRules"][0]["SecurityGroupRuleId"])
        call.initiated(physical_id)
        return physical_id

    def update(self, call: Call, physical_id: str, old: Properties, new: Properties) -> str:
        self.delete(call, physical_id, old)
        return self.create(call, new)

    def delete(self, call: Call, physical_id: str, properties: Properties) -> None:
        try:
            getattr(call.client("ec2"), f"revoke_security_group_{self.direction}")(
                GroupId=properties["GroupId"], IpPermissions=[_permission(properties)]
            )
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("InvalidPermission.NotFound", "InvalidGroup.NotFound"):
                raise

    def attribute(self, call: Call, physical_id: str, name: str, properties: Properties) -> Any:
        return physical_id


def _allocation(call: Call, public_ip: str) -> str:
    addresses = call.client("ec2").describe_addresses(PublicIps=[public_ip])["Addresses"]
    return str(addresses[0]["AllocationId"])


def _endpoint_seconds(properties: Properties) -> float:
    return 70 if properties.get("VpcEndpointType") == "Interface" else 5


@dataclass(frozen=True, kw_only=True)
class Vpc(Api):
    """AWS::EC2::VPC. Its attribute DefaultSecurityGroup needs a call of its own."""

    def attribute(self, call: Call, physical_id: str, name: str, properties: Properties) -> Any:
        if name != "DefaultSecurityGroup":
            return super().attribute(call, physical_id, name, properties)
        default = {"vpc-id": physical_id, "group-name": "default"}
        [group] = call.client("ec2").describe_security_groups(
            Filters=[{"Name": filter_, "Values": [value]} for filter_, value in default.items()]
        )["SecurityGroups"]
        return group["GroupId"]


TYPES: Mapping[str, Provider] = {
    "AWS::EC2::VPC": Vpc(
        service="ec2", create_call="create_vpc", id="Vpc.VpcId", key=("VpcId",), delete_call="delete_vpc",
        own=("EnableDnsSupport", "EnableDnsHostnames"),
        after=_modify("modify_vpc_attribute", "VpcId", "EnableDnsSupport", "EnableDnsHostnames"),
        read_call="describe_vpcs", gone=("InvalidVpcID.NotFound",), tag_kind="vpc", tagging=_TAGGING,
        attributes={"VpcId": "{id}", "CidrBlock": "Vpcs[0].CidrBlock", "DefaultSecurityGroup": ""},
        seconds=10,
    ),
    "AWS::EC2::Subnet": Api(
        service="ec2", create_call="create_subnet", id="Subnet.SubnetId", key=("SubnetId",),
        delete_call="delete_subnet",
        own=("MapPublicIpOnLaunch",), after=_modify("modify_subnet_attribute", "SubnetId",
        "MapPublicIpOnLaunch"),
        read_call="describe_subnets", gone=("InvalidSubnetID.NotFound",), tag_kind="subnet", tagging=_TAGGING,
        attributes={
            "SubnetId": "{id}", "VpcId": "{VpcId}", "CidrBlock": "Subnets[0].CidrBlock",
            "AvailabilityZone": "Subnets[0].AvailabilityZone",
        },
    ),
    "AWS::EC2::InternetGateway": Api(
        service="ec2", create_call="create_internet_gateway", id="InternetGateway.InternetGatewayId",
        key=("InternetGatewayId",), delete_call="delete_internet_gateway",
        gone=("InvalidInternetGatewayID.NotFound",),
        tag_kind="internet-gateway", tagging=_TAGGING, attributes={"InternetGatewayId": "{id}"}, seconds=15,
    ),
    "AWS::EC2::VPCGatewayAttachment": Api(
        service="ec2", create_call="attach_internet_gateway", id="IGW|{VpcId}",
        key={"InternetGatewayId": "{InternetGatewayId}", "VpcId": "{VpcId}"},
        delete_call="detach_internet_gateway",
        gone=("Gateway.NotAttached", "InvalidInternetGatewayID.NotFound"), attributes={},
    ),
    "AWS::EC2::RouteTable": Api(
        service="ec2", create_call="create_route_table", id="RouteTable.RouteTableId", key=("RouteTableId",),
        delete_call="delete_route_table", gone=("InvalidRouteTableID.NotFound",), tag_kind="route-table",
        tagging=_TAGGING, attributes={"RouteTableId": "{id}"},
    ),
    "AWS::EC2::Route": Api(
        service="ec2", create_call="create_route", id="{RouteTableId}|{DestinationCidrBlock}",
        key=("RouteTableId", "DestinationCidrBlock"), update_call="replace_route", resend=True,
        delete_call="delete_route", gone=("InvalidRoute.NotFound", "InvalidRouteTableID.NotFound"),
        attributes={"CidrBlock": "{DestinationCidrBlock}"},
    ),
    "AWS::EC2::SubnetRouteTableAssociation": Api(
        service="ec2", create_call="associate_route_table", id="AssociationId", key=("AssociationId",),
        delete_call="disassociate_route_table", gone=("InvalidAssociationID.NotFound",),
        attributes={"Id": "{id}"},
    ),
    "AWS::EC2::EIP": Api(
        service="ec2", create_call="allocate_address", id="PublicIp", key=("AllocationId",),
        api_id=_allocation,
        delete_call="release_address", read_call="describe_addresses",
        gone=("InvalidAddress.NotFound", "InvalidAllocationID.NotFound"), tag_kind="elastic-ip",
        tagging=_TAGGING,
        attributes={"AllocationId": "Addresses[0].AllocationId", "PublicIp": "{id}"}, seconds=15,
    ),
    "AWS::EC2::NatGateway": Api(
        service="ec2", create_call="create_nat_gateway", id="NatGateway.NatGatewayId", key=("NatGatewayId",),
        delete_call="delete_nat_gateway", read_call="describe_nat_gateways", gone=("NatGatewayNotFound",),
        ready="NatGateways[0].State == 'available'", tag_kind="natgateway", tagging=_TAGGING,
        attributes={"NatGatewayId": "{id}"}, seconds=110, delete_seconds=60,
    ),
    "AWS::EC2::SecurityGroup": Api(
        service="ec2", create_call="create_security_group", id="GroupId", key=("GroupId",), name="GroupName",
        name_limit=255, renames={"GroupDescription": "Description"}, own=("SecurityGroupIngress",
        "SecurityGroupEgress"),
        after=_security_group_rules, delete_call="delete_security_group", gone=("InvalidGroup.NotFound",),
        tag_kind="security-group", tagging=_TAGGING, attributes={"GroupId": "{id}", "Id": "{id}",
        "VpcId": "{VpcId}"},
    ),
    "AWS::EC2::SecurityGroupIngress": SecurityGroupRule("ingress"),
    "AWS::EC2::SecurityGroupEgress": SecurityGroupRule("egress"),
    "AWS::EC2::VPCEndpoint": Api(
        service="ec2", create_call="create_vpc_endpoint", id="VpcEndpoint.VpcEndpointId",
        key=("VpcEndpointId",),
        update_call="modify_vpc_endpoint", delete_call="delete_vpc_endpoints",
        read_call="describe_vpc_endpoints",
        tag_kind="vpc-endpoint", tagging=_TAGGING,
        attributes={"Id": "{id}", "NetworkInterfaceIds": "VpcEndpoints[0].NetworkInterfaceIds"},
        seconds=_endpoint_seconds, delete_seconds=60,
    ),
    "AWS::EC2::FlowLog": Api(
        service="ec2", create_call="create_flow_logs", id="FlowLogIds[0]", key=("FlowLogId",),
        renames={"ResourceId": "ResourceIds"}, delete_call="delete_flow_logs", tag_kind="vpc-flow-log",
        tagging=_TAGGING,
        attributes={"Id": "{id}"},
    ),
}  # fmt: skip
