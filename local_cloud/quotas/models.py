"""Service Quotas: AWS's default values, and the applied values of this account."""

from __future__ import annotations

from typing import Any

from moto.core.exceptions import JsonRESTError, ServiceException
from moto.servicequotas.models import ServiceQuotasBackend, servicequotas_backends
from moto.servicequotas.resources.default_quotas.vpc import VPC_DEFAULT_QUOTAS

from ..account import ACCOUNT_ID, REGION
from ..moto_seam import Local, running

VPCS = "L-F678F1CE"
NAT_GATEWAYS = "L-FE5A380F"
ELASTIC_IPS = "L-0263D0A3"
DB_INSTANCES = "L-7B6409FD"
MANUAL_SNAPSHOTS = "L-272F1212"
CONCURRENT_EXECUTIONS = "L-B99A9384"

RDS = "Amazon Relational Database Service (Amazon RDS)"


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
# quotas". The local cloud has no other quotas of EC2, RDS and Lambda.
DEFAULTS: list[dict[str, Any]] = [
    *VPC_DEFAULT_QUOTAS,
    _default("ec2", "Amazon Elastic Compute Cloud (Amazon EC2)", ELASTIC_IPS, "EC2-VPC Elastic IPs", 5.0),
    _default("rds", RDS, DB_INSTANCES, "DB instances", 40.0),
    _default("rds", RDS, MANUAL_SNAPSHOTS, "Manual DB instance snapshots", 100.0),
    _default("lambda", "AWS Lambda", CONCURRENT_EXECUTIONS, "Concurrent executions", 1000.0),
]


class QuotaExceededError(ServiceException):
    """The account has reached a quota. The code is that of the service."""


class LocalServiceQuotas(Local, ServiceQuotasBackend):
    """Service Quotas for the quotas in DEFAULTS.

    Attributes:
        applied: quota code -> the account's applied value. A change counts at once.
    """

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.applied: dict[str, float] = {quota["QuotaCode"]: quota["Value"] for quota in DEFAULTS}

    def check(self, code: str, used: int, error: str, what: str) -> None:
        """Check that a service may create one more of `what`, of which the account has `used`.

        Raises:
            QuotaExceededError: the quota is reached. `error` is the service's code.
        """
        if used >= self.applied[code]:
            raise QuotaExceededError(error, f"The maximum number of {what} has been reached.")

    def list_service_quotas(self, service_code: str) -> list[dict[str, Any]]:
        """Return the quotas of a service with their applied values."""
        return [self._applied(quota) for quota in _of_service(service_code)]

    def get_service_quota(self, service_code: str, quota_code: str) -> dict[str, Any]:
        """Return a quota with its applied value."""
        return self._applied(_quota(service_code, quota_code))

    def list_aws_default_service_quotas(self, service_code: str) -> list[dict[str, Any]]:
        """Return the quotas of a service with AWS's default values."""
        return [_with_arn(quota, "") for quota in _of_service(service_code)]

    def get_aws_default_service_quota(self, service_code: str, quota_code: str) -> dict[str, Any]:
        """Return a quota with AWS's default value."""
        return _with_arn(_quota(service_code, quota_code), "")

    def _applied(self, quota: dict[str, Any]) -> dict[str, Any]:
        return _with_arn(quota, ACCOUNT_ID) | {"Value": self.applied[quota["QuotaCode"]]}


def backend() -> LocalServiceQuotas:
    """Return the Service Quotas of the running local cloud."""
    return running(servicequotas_backends, LocalServiceQuotas)


def _of_service(service_code: str) -> list[dict[str, Any]]:
    found = [quota for quota in DEFAULTS if quota["ServiceCode"] == service_code]
    if not found:
        raise JsonRESTError(
            "NoSuchResourceException", f"The local cloud knows no quotas of the service {service_code}."
        )
    return found


def _quota(service_code: str, quota_code: str) -> dict[str, Any]:
    for quota in _of_service(service_code):
        if quota["QuotaCode"] == quota_code:
            return quota
    raise JsonRESTError("NoSuchResourceException", f"The local cloud knows no quota {quota_code}.")


def _with_arn(quota: dict[str, Any], account: str) -> dict[str, Any]:
    arn = f"arn:aws:servicequotas:{REGION}:{account}:{quota['ServiceCode']}/{quota['QuotaCode']}"
    return quota | {"QuotaArn": arn}
