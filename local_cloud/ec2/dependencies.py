"""What EC2 refuses to delete while something depends on it; moto lets most of it go.

Messages as in the EC2 API reference's "Error codes" (DependencyViolation). A group is kept while another one
of its VPC refers to it (DeleteSecurityGroup); a VPC while it has, besides what moto knows, network ACLs of
its own (AWS re:Post, "troubleshoot-dependency-error-delete-vpc"), peering connections (reports:
hashicorp/terraform-provider-aws 3118, gruntwork-io/cloud-nuke 584) or egress-only internet gateways
(gruntwork-io/cloud-nuke 345). Which states of a peering connection count is a guess.
"""

from __future__ import annotations

from typing import Any

from moto.core.exceptions import ServiceException
from moto.ec2.models import EC2Backend

from ..world import World


class _DependencyViolation(ServiceException):
    code = "DependencyViolation"


_PEERING = {"initiating-request", "pending-acceptance", "provisioning", "active"}


def _is_referred_to(ec2: EC2Backend, group_id: str) -> bool:
    """Whether a rule of another security group of the same VPC names the group."""
    of_vpc: dict[str, Any] = next((groups for groups in ec2.groups.values() if group_id in groups), {})
    return any(
        (rule.source_group or {}).get("GroupId") == group_id
        for other in of_vpc.values()
        if other.id != group_id
        for rule in [*other.ingress_rules, *other.egress_rules]
    )


def install(world: World) -> None:
    """Make moto's EC2 keep what is in use. Call it before the server starts."""

    def delete_subnet(self: Any, subnet_id: str) -> Any:
        if any(eni.subnet.id == subnet_id for eni in self.enis.values()):
            raise _DependencyViolation(f"The subnet '{subnet_id}' has dependencies and cannot be deleted.")
        return original_delete_subnet(self, subnet_id)

    def delete_security_group(self: Any, name: str | None = None, group_id: str | None = None) -> Any:
        used = any(group_id in [group.id for group in eni.group_set] for eni in self.enis.values())
        if group_id and (used or _is_referred_to(self, group_id)):
            raise _DependencyViolation(f"resource {group_id} has a dependent object")
        return original_delete_security_group(self, name, group_id)

    def delete_vpc(self: Any, vpc_id: str) -> Any:
        attached = any(
            gateway.vpc and gateway.vpc.id == vpc_id for gateway in self.internet_gateways.values()
        )
        endpoints = any(
            item.vpc_id == vpc_id and item.state != "deleted" for item in self.vpc_end_points.values()
        )
        groups = any(not group.is_default for group in self.groups.get(vpc_id, {}).values())
        lists = any(acl.vpc_id == vpc_id and not acl.default for acl in self.network_acls.values())
        peerings = any(
            vpc_id in (peering.vpc.id, peering.peer_vpc.id) and peering._status.code in _PEERING
            for peering in self.vpc_pcxs.values()
        )
        outward = any(gateway.vpc_id == vpc_id for gateway in self.egress_only_internet_gateways.values())
        if attached or endpoints or groups or lists or peerings or outward:
            raise _DependencyViolation(f"The vpc '{vpc_id}' has dependencies and cannot be deleted.")
        return original_delete_vpc(self, vpc_id)

    def delete_nat_gateway(self: Any, nat_gateway_id: str) -> Any:
        gateway = original_delete_nat_gateway(self, nat_gateway_id)
        for address in gateway.address_set:
            self.enis.pop(address["networkInterfaceId"], None)
        return gateway

    def release_address(self: Any, address: str | None = None, allocation_id: str | None = None) -> Any:
        used = [item["allocationId"] for gateway in self.nat_gateways.values() if gateway.state != "deleted"
                for item in gateway.address_set if "allocationId" in item]  # fmt: skip
        if allocation_id in used:
            raise ServiceException(
                "InvalidIPAddress.InUse", f"The address with allocation id {allocation_id} is in use."
            )
        return original_release_address(self, address, allocation_id)

    def detach_internet_gateway(self: Any, internet_gateway_id: str, vpc_id: str) -> Any:
        subnets = {subnet.id for subnet in self.describe_subnets(filters={"vpc-id": vpc_id})}
        if any(
            gateway.subnet_id in subnets and gateway.state != "deleted"
            for gateway in self.nat_gateways.values()
        ):
            raise _DependencyViolation(
                f"Network {vpc_id} has some mapped public address(es). Please unmap those public "
                "address(es) before detaching the gateway."
            )
        return original_detach_internet_gateway(self, internet_gateway_id, vpc_id)

    original_delete_subnet = world.patch(EC2Backend, "delete_subnet", delete_subnet)
    original_delete_security_group = world.patch(EC2Backend, "delete_security_group", delete_security_group)
    original_delete_vpc = world.patch(EC2Backend, "delete_vpc", delete_vpc)
    original_delete_nat_gateway = world.patch(EC2Backend, "delete_nat_gateway", delete_nat_gateway)
    original_release_address = world.patch(EC2Backend, "release_address", release_address)
    original_detach_internet_gateway = world.patch(
        EC2Backend, "detach_internet_gateway", detach_internet_gateway
    )
