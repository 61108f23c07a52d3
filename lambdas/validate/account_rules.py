"""Rules that only the account can check: names in use, networks and quotas."""

from __future__ import annotations

from collections import Counter
from ipaddress import IPv4Network
from typing import TYPE_CHECKING

from engine import stacks
from engine.account import DB_INSTANCES, ELASTIC_IPS, NAT_GATEWAYS, VPCS, Account, Quota
from engine.models import stack_name

from validate.launch import DATABASE, Launch
from validate.violations import Violation

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import VpcTypeDef
    from mypy_boto3_rds.type_defs import DBInstanceTypeDef


def violations(account: Account, launch: Launch, databases: list[DBInstanceTypeDef]) -> list[Violation]:
    """Return the violations of these rules by a launch or update."""
    vpcs = account.vpcs()
    found = [*_suffix(account, launch, databases), *_network(launch, vpcs)]
    if launch.creates:
        found += _quotas(account, launch, len(vpcs), len(databases))
    return found


def _suffix(account: Account, launch: Launch, databases: list[DBInstanceTypeDef]) -> list[Violation]:
    suffix = launch.parameters.get("EnvironmentSuffix")
    if suffix is None or launch.current.get("EnvironmentSuffix") == suffix:
        return []
    owners = {database["DBInstanceIdentifier"]: _stack_of(database) for database in databases}
    name = launch.given(DATABASE, "DBInstanceIdentifier")
    if name and name.value in owners.keys() - launch.own:
        owner = owners[name.value]
        by = f" by stack {owner}: choose another" if owner else _IS_THERE.format(name.value)
        return [Violation("EnvironmentSuffix", f"is already in use{by}", suffix)]
    # The databases show most of the stacks. The few others are described one by one.
    known = {launch.stack_name, *filter(None, owners.values())}
    for stack in stacks.with_name_prefix(account.cloudformation, stack_name(""), but=known):
        if stacks.parameters(stack).get("EnvironmentSuffix") == suffix:
            rule = f"is already in use by stack {stack['StackName']}: choose another"
            return [Violation("EnvironmentSuffix", rule, suffix)]
    return []


_IS_THERE = ": there is a DB instance {}. Choose another"


def _stack_of(database: DBInstanceTypeDef) -> str | None:
    """Return the stack in the tags of a DB instance (cloudformation-coverage-roadmap, 1160)."""
    tags = {tag["Key"]: tag["Value"] for tag in database.get("TagList", [])}
    return tags.get("aws:cloudformation:stack-name")


def _network(launch: Launch, vpcs: list[VpcTypeDef]) -> list[Violation]:
    cidr = launch.given("AWS::EC2::VPC", "CidrBlock")
    if cidr is None:
        return []
    had = launch.current.get(cidr.input)
    if had == cidr.value:
        return []
    if had is not None:
        rule = f"can't be changed after the launch: the database and its clients are in the network {had}"
        return [Violation(cidr.input, rule, cidr.value)]
    try:
        network = IPv4Network(cidr.value, strict=False)
    except ValueError:
        return [Violation(cidr.input, "must be an IPv4 range such as 10.0.0.0/16", cidr.value)]
    if str(network) != cidr.value:
        return [Violation(cidr.input, f"must be the first address of its range: {network}", cidr.value)]
    if not 16 <= network.prefixlen <= 28:  # EC2 API, CreateVpc: from /16 to /28
        return [Violation(cidr.input, "must have a prefix from /16 to /28", cidr.value)]
    taken = {
        IPv4Network(association["CidrBlock"]): vpc["VpcId"]
        for vpc in vpcs
        if vpc["VpcId"] not in launch.own
        for association in vpc.get("CidrBlockAssociationSet", [])
        if association["CidrBlockState"]["State"] in ("associating", "associated")
    }
    for other, vpc_id in taken.items():
        if network.overlaps(other):
            free = _next_free(network, list(taken))
            advice = f"{free} is free" if free else "no range of this size is free, choose a smaller one"
            return [Violation(cidr.input, f"overlaps {vpc_id} ({other}): {advice}", cidr.value)]
    return []


def _next_free(network: IPv4Network, taken: list[IPv4Network]) -> IPv4Network | None:
    """Return the first free range of the same size in the private blocks, first in the block of `network`."""
    blocks = [IPv4Network(block) for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")]
    for block in sorted(blocks, key=lambda block: not network.subnet_of(block)):
        for candidate in block.subnets(new_prefix=network.prefixlen):
            if not any(candidate.overlaps(other) for other in taken):
                return candidate
    return None


def _quotas(account: Account, launch: Launch, vpcs: int, databases: int) -> list[Violation]:
    def needed(resource_type: str) -> int:
        return len(launch.template.of_type(resource_type))

    found = [
        _quota(account, VPCS, vpcs, needed("AWS::EC2::VPC")),
        _quota(account, ELASTIC_IPS, account.elastic_ips(), needed("AWS::EC2::EIP")),
        _quota(account, DB_INSTANCES, databases, needed("AWS::RDS::DBInstance")),
    ]
    subnets = launch.template.properties("AWS::EC2::NatGateway", "SubnetId")
    wanted = Counter(launch.zones_of(subnets, account.zones()))
    used = account.nat_gateways() if wanted else Counter[str]()
    found += [
        _quota(account, NAT_GATEWAYS, used[zone], count, f" in {zone}") for zone, count in wanted.items()
    ]
    return [violation for violation in found if violation]


def _quota(account: Account, quota: Quota, used: int, needed: int, where: str = "") -> Violation | None:
    if needed == 0:
        return None
    limit = account.limit(quota)
    if used + needed <= limit:
        return None
    return Violation(
        "Account quota",
        f'"{quota.name}" is {limit}{where}, {used} are in use and {needed} more are needed. Remove some, '
        f"or ask for more in the Service Quotas console (service {quota.service}, code {quota.code})",
    )
