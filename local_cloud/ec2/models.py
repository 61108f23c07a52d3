"""EC2's networks: quotas limit how many there are, and EC2 refuses to delete what is in use.

moto deletes most of it. The messages are those of the EC2 API reference, "Error codes" (DependencyViolation).
A security group stays while another one of its VPC refers to it (DeleteSecurityGroup). A VPC stays while it
has, besides what moto checks, network ACLs of its own (AWS re:Post,
"troubleshoot-dependency-error-delete-vpc"), peering connections (reports: hashicorp/terraform-provider-aws
3118, gruntwork-io/cloud-nuke 584) or egress-only internet gateways (gruntwork-io/cloud-nuke 345). Which
states of a peering connection count is a guess.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from moto.core.exceptions import ServiceException
from moto.ec2.models import EC2Backend
from moto.ec2.models.elastic_ip_addresses import ElasticAddress
from moto.ec2.models.nat_gateways import NatGateway
from moto.ec2.models.subnets import Subnet
from moto.ec2.models.vpcs import VPC

from ..moto_seam import Local
from ..quotas import models as quotas

_PEERING = {"initiating-request", "pending-acceptance", "provisioning", "active"}


class _DependencyViolation(ServiceException):
    code = "DependencyViolation"


class LocalEC2(Local, EC2Backend):
    """EC2. It creates nothing beyond the account's quotas, and deletes nothing that is in use."""

    def create_vpc(self, cidr_block: str, *settings: Any, **named: Any) -> VPC:
        """Create a VPC, within the quota. The default VPC comes with the account, whatever the quota."""
        if not named.get("is_default"):
            quotas.backend().check(quotas.VPCS, len(self.vpcs), "VpcLimitExceeded", "VPCs")
        return super().create_vpc(cidr_block, *settings, **named)

    def delete_vpc(self, vpc_id: str) -> VPC:
        """Delete a VPC that has nothing except what EC2 created with it."""
        if self._in_use(vpc_id):
            raise _DependencyViolation(f"The vpc '{vpc_id}' has dependencies and cannot be deleted.")
        return super().delete_vpc(vpc_id)

    def _in_use(self, vpc_id: str) -> bool:
        return (
            any(gateway.vpc and gateway.vpc.id == vpc_id for gateway in self.internet_gateways.values())
            or any(item.vpc_id == vpc_id and item.state != "deleted" for item in self.vpc_end_points.values())
            or any(not group.is_default for group in self.groups.get(vpc_id, {}).values())
            or any(acl.vpc_id == vpc_id and not acl.default for acl in self.network_acls.values())
            or any(
                vpc_id in (peering.vpc.id, peering.peer_vpc.id) and peering._status.code in _PEERING
                for peering in self.vpc_pcxs.values()
            )
            or any(gateway.vpc_id == vpc_id for gateway in self.egress_only_internet_gateways.values())
        )

    def delete_subnet(self, subnet_id: str) -> Subnet:
        """Delete a subnet without network interfaces."""
        if any(eni.subnet.id == subnet_id for eni in self.enis.values()):
            raise _DependencyViolation(f"The subnet '{subnet_id}' has dependencies and cannot be deleted.")
        return super().delete_subnet(subnet_id)

    def delete_security_group(self, name: str | None = None, group_id: str | None = None) -> None:
        """Delete a security group, unless a network interface uses it or another group refers to it."""
        used = any(group_id in [group.id for group in eni.group_set] for eni in self.enis.values())
        if group_id and (used or self._is_referred_to(group_id)):
            raise _DependencyViolation(f"resource {group_id} has a dependent object")
        super().delete_security_group(name, group_id)

    def _is_referred_to(self, group_id: str) -> bool:
        """Say whether a rule of another security group in the VPC refers to the group."""
        of_vpc: dict[str, Any] = next((groups for groups in self.groups.values() if group_id in groups), {})
        return any(
            (rule.source_group or {}).get("GroupId") == group_id
            for other in of_vpc.values()
            if other.id != group_id
            for rule in [*other.ingress_rules, *other.egress_rules]
        )

    def allocate_address(self, domain: str, *settings: Any, **named: Any) -> ElasticAddress:
        """Allocate an Elastic IP address, within the quota."""
        quotas.backend().check(quotas.ELASTIC_IPS, len(self.addresses), "AddressLimitExceeded", "addresses")
        return super().allocate_address(domain, *settings, **named)

    def release_address(self, address: str | None = None, allocation_id: str | None = None) -> None:
        """Release an Elastic IP address that no NAT gateway has."""
        for gateway in self._nat_gateways():
            if allocation_id and allocation_id in [item.get("allocationId") for item in gateway.address_set]:
                raise ServiceException(
                    "InvalidIPAddress.InUse", f"The address with allocation id {allocation_id} is in use."
                )
        super().release_address(address, allocation_id)

    def create_nat_gateway(
        self, subnet_id: str, allocation_id: str, *settings: Any, **named: Any
    ) -> NatGateway:
        """Create a NAT gateway, within the quota."""
        zone = self.get_subnet(subnet_id).availability_zone
        beside = [
            gateway
            for gateway in self._nat_gateways()
            if self.get_subnet(gateway.subnet_id).availability_zone == zone
        ]
        quotas.backend().check(
            quotas.NAT_GATEWAYS, len(beside), "NatGatewayLimitExceeded", f"NAT gateways in {zone}"
        )
        return super().create_nat_gateway(subnet_id, allocation_id, *settings, **named)

    def delete_nat_gateway(self, nat_gateway_id: str) -> NatGateway:
        """Delete a NAT gateway and its network interfaces."""
        gateway = super().delete_nat_gateway(nat_gateway_id)
        for address in gateway.address_set:
            self.enis.pop(address["networkInterfaceId"], None)
        return gateway

    def detach_internet_gateway(self, internet_gateway_id: str, vpc_id: str) -> None:
        """Detach an internet gateway from a VPC in which no NAT gateway has a public address."""
        subnets = {subnet.id for subnet in self.describe_subnets(filters={"vpc-id": vpc_id})}
        if any(gateway.subnet_id in subnets for gateway in self._nat_gateways()):
            raise _DependencyViolation(
                f"Network {vpc_id} has some mapped public address(es). Please unmap those public "
                "address(es) before detaching the gateway."
            )
        super().detach_internet_gateway(internet_gateway_id, vpc_id)

    def measured(self) -> Iterator[tuple[dict[str, str], dict[str, float]]]:
        """Yield what the NAT gateways publish in this minute: each has always had a port left."""
        for gateway in self._nat_gateways():
            yield {"NatGatewayId": gateway.id}, {"ErrorPortAllocation": 0.0}

    def _nat_gateways(self) -> list[NatGateway]:
        return [gateway for gateway in list(self.nat_gateways.values()) if gateway.state != "deleted"]
