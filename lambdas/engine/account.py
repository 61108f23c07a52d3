"""The account of a launch: what it has, and its quotas."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import ClientError

from engine.entry_point import CLIENT_CONFIG

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import VpcTypeDef
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_rds import RDSClient
    from mypy_boto3_rds.type_defs import DBInstanceTypeDef, OrderableDBInstanceOptionTypeDef
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_service_quotas import ServiceQuotasClient


@dataclass(frozen=True)
class Quota:
    """A quota, by the names that Service Quotas gives it."""

    name: str
    service: str
    code: str


VPCS = Quota("VPCs per Region", "vpc", "L-F678F1CE")
ELASTIC_IPS = Quota("EC2-VPC Elastic IPs", "ec2", "L-0263D0A3")
NAT_GATEWAYS = Quota("NAT gateways per Availability Zone", "vpc", "L-FE5A380F")
DB_INSTANCES = Quota("DB instances", "rds", "L-7B6409FD")

# The stack that makes the launch role puts this tag on it.
ROLES_VERSION_TAG = "tapstack:roles-version"


@dataclass(frozen=True)
class Account:
    """Reads one account in the region of the clients, with the permissions of the launch role."""

    s3: S3Client
    cloudformation: CloudFormationClient
    ec2: EC2Client
    rds: RDSClient
    service_quotas: ServiceQuotasClient
    cloudwatch: CloudWatchClient
    iam: IAMClient

    @classmethod
    def of(cls, session: boto3.Session) -> Account:
        """Return the account of a session."""
        return cls(
            session.client("s3", config=CLIENT_CONFIG),
            session.client("cloudformation", config=CLIENT_CONFIG),
            session.client("ec2", config=CLIENT_CONFIG),
            session.client("rds", config=CLIENT_CONFIG),
            session.client("service-quotas", config=CLIENT_CONFIG),
            session.client("cloudwatch", config=CLIENT_CONFIG),
            session.client("iam", config=CLIENT_CONFIG),
        )

    def roles_version(self, launch_role_arn: str) -> int:
        """Return the version of the account's roles; 0 before version 1: those may not read their tags."""
        try:
            role = self.iam.get_role(RoleName=launch_role_arn.rpartition("/")[2])["Role"]
        except ClientError as error:
            if error.response["Error"]["Code"] != "AccessDenied":
                raise
            return 0
        tags = {tag["Key"]: tag["Value"] for tag in role.get("Tags", [])}
        return int(tags.get(ROLES_VERSION_TAG, 0))

    def limit(self, quota: Quota) -> int:
        """Return a quota's value: the account's own, or else AWS's default."""
        try:
            response = self.service_quotas.get_service_quota(ServiceCode=quota.service, QuotaCode=quota.code)
        except self.service_quotas.exceptions.NoSuchResourceException:
            default = self.service_quotas.get_aws_default_service_quota(
                ServiceCode=quota.service, QuotaCode=quota.code
            )
            return int(default["Quota"]["Value"])
        return int(response["Quota"]["Value"])

    def zones(self) -> list[str]:
        """Return the zones that Fn::GetAZs gives: those with a default subnet, or all if none has one."""
        subnets = self.ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])[
            "Subnets"
        ]
        if subnets:
            return sorted({subnet["AvailabilityZone"] for subnet in subnets})
        zones = self.ec2.describe_availability_zones(
            Filters=[
                {"Name": "zone-type", "Values": ["availability-zone"]},
                {"Name": "state", "Values": ["available"]},
            ]
        )["AvailabilityZones"]
        return sorted(zone["ZoneName"] for zone in zones)

    def vpcs(self) -> list[VpcTypeDef]:
        """Return the VPCs of the region."""
        pages = self.ec2.get_paginator("describe_vpcs").paginate()
        return [vpc for page in pages for vpc in page["Vpcs"]]

    def elastic_ips(self) -> int:
        """Return how many Elastic IP addresses are allocated."""
        return len(self.ec2.describe_addresses()["Addresses"])

    def nat_gateways(self) -> Counter[str]:
        """Return how many NAT gateways each Availability Zone has."""
        pages = self.ec2.get_paginator("describe_nat_gateways").paginate()
        gateways = [gateway for page in pages for gateway in page["NatGateways"]]
        # EC2 lists a deleted NAT gateway for another hour. A failed one does not count either. A regional one
        # has no subnet.
        subnets = [
            gateway["SubnetId"]
            for gateway in gateways
            if gateway["State"] not in ("deleted", "failed") and "SubnetId" in gateway
        ]
        if not subnets:
            return Counter()
        # This describes all subnets, because EC2 refuses a request for one that was deleted a moment ago.
        described = self.ec2.get_paginator("describe_subnets").paginate()
        zones = {
            subnet["SubnetId"]: subnet["AvailabilityZone"] for page in described for subnet in page["Subnets"]
        }
        return Counter(zones[subnet] for subnet in subnets if subnet in zones)

    def databases(self) -> list[DBInstanceTypeDef]:
        """Return the DB instances of the region."""
        pages = self.rds.get_paginator("describe_db_instances").paginate()
        return [database for page in pages for database in page["DBInstances"]]

    def orderable(self, engine: str, instance_class: str) -> list[OrderableDBInstanceOptionTypeDef]:
        """Return RDS's options for an engine on an instance class, one for each engine version."""
        pages = self.rds.get_paginator("describe_orderable_db_instance_options").paginate(
            Engine=engine, DBInstanceClass=instance_class, Vpc=True
        )
        return [option for page in pages for option in page["OrderableDBInstanceOptions"]]

    def upgrade_targets(self, engine: str, version: str) -> list[str]:
        """Return the versions to which RDS upgrades a version; none if RDS does not know the version."""
        found = self.rds.describe_db_engine_versions(Engine=engine, EngineVersion=version, IncludeAll=True)
        targets = [each.get("ValidUpgradeTarget", []) for each in found["DBEngineVersions"]]
        return [target["EngineVersion"] for each in targets for target in each]

    def default_version(self, engine: str, major: str) -> str | None:
        """Return RDS's default minor version of a major version; None if RDS does not offer any."""
        found = self.rds.describe_db_engine_versions(Engine=engine, EngineVersion=major, DefaultOnly=True)
        return next((each["EngineVersion"] for each in found["DBEngineVersions"]), None)

    def db_parameters(self, group: str) -> dict[str, str]:
        """Return the parameters of a DB parameter group that somebody set (Source=user)."""
        pages = self.rds.get_paginator("describe_db_parameters").paginate(
            DBParameterGroupName=group, Source="user"
        )
        return {
            parameter["ParameterName"]: parameter.get("ParameterValue", "")
            for page in pages
            for parameter in page["Parameters"]
        }

    def free_storage(self, database: str) -> float | None:
        """Return a DB instance's least free storage of the last hour, in bytes; None if unknown."""
        now = datetime.now(UTC)
        found = self.cloudwatch.get_metric_statistics(
            Namespace="AWS/RDS",
            MetricName="FreeStorageSpace",
            Dimensions=[{"Name": "DBInstanceIdentifier", "Value": database}],
            StartTime=now - timedelta(hours=1),
            EndTime=now,
            Period=300,
            Statistics=["Minimum"],
        )
        return min((point["Minimum"] for point in found["Datapoints"]), default=None)
