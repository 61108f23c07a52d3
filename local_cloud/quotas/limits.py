"""What only an account knows: its quotas."""

from __future__ import annotations

import json
from typing import Any

from moto.core.exceptions import JsonRESTError, ServiceException
from moto.core.responses import ActionResult
from moto.ec2.models.elastic_ip_addresses import ElasticAddressBackend
from moto.ec2.models.nat_gateways import NatGatewayBackend
from moto.ec2.models.vpcs import VPCBackend
from moto.servicequotas.resources.default_quotas.vpc import VPC_DEFAULT_QUOTAS
from moto.servicequotas.responses import ServiceQuotasResponse

from ..account import ACCOUNT_ID, REGION
from ..world import World

VPCS = "L-F678F1CE"
NAT_GATEWAYS = "L-FE5A380F"
ELASTIC_IPS = "L-0263D0A3"
DB_INSTANCES = "L-7B6409FD"
MANUAL_SNAPSHOTS = "L-272F1212"
CONCURRENT_EXECUTIONS = "L-B99A9384"

RDS = "Amazon Relational Database Service (Amazon RDS)"
_PAGE = 100


def _default(service: str, service_name: str, code: str, name: str, value: float) -> dict[str, Any]:
    return {
        "ServiceCode": service,
        "ServiceName": service_name,
        "QuotaCode": code,
        "QuotaName": name,
        "Value": value,
        "Unit": "None",
        "Adjustable": True,
        "GlobalQuota": False,
    }


# "Amazon VPC quotas", "Elastic IP address limit" (EC2), "Quotas and constraints for Amazon RDS", "Lambda
# quotas". Other quotas of EC2, RDS and Lambda are not known here.
DEFAULTS: list[dict[str, Any]] = [
    *VPC_DEFAULT_QUOTAS,
    _default("ec2", "Amazon Elastic Compute Cloud (Amazon EC2)", ELASTIC_IPS, "EC2-VPC Elastic IPs", 5.0),
    _default("rds", RDS, DB_INSTANCES, "DB instances", 40.0),
    _default("rds", RDS, MANUAL_SNAPSHOTS, "Manual DB instance snapshots", 100.0),
    _default("lambda", "AWS Lambda", CONCURRENT_EXECUTIONS, "Concurrent executions", 1000.0),
]


class QuotaExceededError(ServiceException):
    """The account may not have more of this; the code is the one that the service uses."""


def install(world: World) -> None:
    """Answer for the account's quotas (`world.quotas`), and refuse what goes beyond them."""
    world.quotas = {quota["QuotaCode"]: quota["Value"] for quota in DEFAULTS}
    _answer_for_quotas(world)
    _enforce_quotas(world)


def _answer_for_quotas(world: World) -> None:
    def applied(quota: dict[str, Any]) -> dict[str, Any]:
        arn = f"arn:aws:servicequotas:{REGION}:{ACCOUNT_ID}:{quota['ServiceCode']}/{quota['QuotaCode']}"
        return quota | {"QuotaArn": arn, "Value": world.quotas[quota["QuotaCode"]]}

    def default(quota: dict[str, Any]) -> dict[str, Any]:
        return quota | {
            "QuotaArn": f"arn:aws:servicequotas:{REGION}::{quota['ServiceCode']}/{quota['QuotaCode']}"
        }

    def get_service_quota(self: ServiceQuotasResponse) -> ActionResult:
        return ActionResult({"Quota": applied(_quota(json.loads(self.body)))})

    def get_default(self: ServiceQuotasResponse) -> ActionResult:
        return ActionResult({"Quota": default(_quota(json.loads(self.body)))})

    def list_service_quotas(self: ServiceQuotasResponse) -> ActionResult:
        return _page(json.loads(self.body), [applied(quota) for quota in _of_service(json.loads(self.body))])

    def list_defaults(self: ServiceQuotasResponse) -> ActionResult:
        return _page(json.loads(self.body), [default(quota) for quota in _of_service(json.loads(self.body))])

    world.patch(ServiceQuotasResponse, "get_service_quota", get_service_quota)
    world.patch(ServiceQuotasResponse, "list_aws_default_service_quotas", list_defaults)
    world.add(ServiceQuotasResponse, "list_service_quotas", list_service_quotas)
    world.add(ServiceQuotasResponse, "get_aws_default_service_quota", get_default)


def _of_service(request: dict[str, Any]) -> list[dict[str, Any]]:
    found = [quota for quota in DEFAULTS if quota["ServiceCode"] == request["ServiceCode"]]
    if not found:
        raise JsonRESTError(
            "NoSuchResourceException",
            f"The local cloud knows no quotas of the service {request['ServiceCode']}.",
        )
    return found


def _quota(request: dict[str, Any]) -> dict[str, Any]:
    for quota in _of_service(request):
        if quota["QuotaCode"] == request["QuotaCode"]:
            return quota
    raise JsonRESTError("NoSuchResourceException", f"The local cloud knows no quota {request['QuotaCode']}.")


def _page(request: dict[str, Any], quotas: list[dict[str, Any]]) -> ActionResult:
    start, size = int(request.get("NextToken", 0)), request.get("MaxResults", _PAGE)
    page: dict[str, Any] = {"Quotas": quotas[start : start + size]}
    return ActionResult(page | {"NextToken": str(start + size)} if start + size < len(quotas) else page)


def _enforce_quotas(world: World) -> None:
    def check(code: str, used: int, error: str, what: str) -> None:
        if used >= world.quotas[code]:
            raise QuotaExceededError(error, f"The maximum number of {what} has been reached.")

    def create_vpc(self: Any, *positional: Any, **named: Any) -> Any:
        check(VPCS, len(self.vpcs), "VpcLimitExceeded", "VPCs")
        return original_create_vpc(self, *positional, **named)

    def allocate_address(self: Any, *positional: Any, **named: Any) -> Any:
        check(ELASTIC_IPS, len(self.addresses), "AddressLimitExceeded", "addresses")
        return original_allocate_address(self, *positional, **named)

    def create_nat_gateway(self: Any, subnet_id: str, *positional: Any, **named: Any) -> Any:
        zone = self.get_subnet(subnet_id).availability_zone
        beside = [
            gateway
            for gateway in self.nat_gateways.values()
            if gateway.state != "deleted" and self.get_subnet(gateway.subnet_id).availability_zone == zone
        ]
        check(NAT_GATEWAYS, len(beside), "NatGatewayLimitExceeded", f"NAT gateways in {zone}")
        return original_create_nat_gateway(self, subnet_id, *positional, **named)

    original_create_vpc = world.patch(VPCBackend, "create_vpc", create_vpc)
    original_allocate_address = world.patch(ElasticAddressBackend, "allocate_address", allocate_address)
    original_create_nat_gateway = world.patch(NatGatewayBackend, "create_nat_gateway", create_nat_gateway)
