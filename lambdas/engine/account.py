"""The account a product is launched in: what it has, and what it may have."""

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
    """A limit of AWS, under the names that Service Quotas gives it."""

    name: str
    service: str
    code: str


VPCS = Quota("VPCs per Region", "vpc", "L-F678F1CE")
ELASTIC_IPS = Quota("EC2-VPC Elastic IPs", "ec2", "L-0263D0A3")
NAT_GATEWAYS = Quota("NAT gateways per Availability Zone", "vpc", "L-FE5A380F")
DB_INSTANCES = Quota("DB instances", "rds", "L-7B6409FD")

# What the stack of the roles puts on the launch role.
ROLES_VERSION_TAG = "tapstack:roles-version"


@dataclass(frozen=True)
class Account:
    """Reads an account, region by the clients, with the rights of the launch role."""

    s3: S3Client
    cloudformation: CloudFormationClient
    ec2: EC2Client
    rds: RDSClient
    service_quotas: ServiceQuotasClient
    cloudwatch: CloudWatchClient
    iam: IAMClient

    @classmethod
    def of(cls, session: boto3.Session) -> Account:
        """Return the account a session belongs to."""
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
        """Return which roles the account has; 0 for those before version 1, which may not look themselves."""
        try:
            role = self.iam.get_role(RoleName=launch_role_arn.rpartition("/")[2])["Role"]
        except ClientError as error:
            if error.response["Error"]["Code"] != "AccessDenied":
                raise
            return 0
        tags = {tag["Key"]: tag["Value"] for tag in role.get("Tags", [])}
        return int(tags.get(ROLES_VERSION_TAG, 0))

    def limit(self, quota: Quota) -> int:
        """Return a quota's value: the account's own, else AWS's default."""
        try:
            response = self.service_quotas.get_service_quota(ServiceCode=quota.service, QuotaCode=quota.code)
        except self.service_quotas.exceptions.NoSuchResourceException:
            default = self.service_quotas.get_aws_default_service_quota(
                ServiceCode=quota.service, QuotaCode=quota.code
            )
            return int(default["Quota"]["Value"])
        return int(response["Quota"]["Value"])

    def zones(self) -> list[str]:
        """Return the zones as Fn::GetAZs does: those with a default subnet, or all if none has one."""
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
        """Return how many NAT gateways each availability zone has."""
        pages = self.ec2.get_paginator("describe_nat_gateways").paginate()
        gateways = [gateway for page in pages for gateway in page["NatGateways"]]
        # A deleted one is listed for an hour more; a failed one does not count either. A regional one is in
        # no subnet.
        subnets = [
            gateway["SubnetId"]
            for gateway in gateways
            if gateway["State"] not in ("deleted", "failed") and "SubnetId" in gateway
        ]
        if not subnets:
            return Counter()
        # All of them: EC2 refuses to describe one that was deleted with its gateway a moment ago.
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
        """Return what RDS offers of an engine on an instance class: an option for each engine version."""
        pages = self.rds.get_paginator("describe_orderable_db_instance_options").paginate(
            Engine=engine, DBInstanceClass=instance_class, Vpc=True
        )
        return [option for page in pages for option in page["OrderableDBInstanceOptions"]]

    def upgrade_targets(self, engine: str, version: str) -> list[str]:
        """Return the engine versions that RDS upgrades a version to; none if it does not know the version."""
        found = self.rds.describe_db_engine_versions(Engine=engine, EngineVersion=version, IncludeAll=True)
        targets = [each.get("ValidUpgradeTarget", []) for each in found["DBEngineVersions"]]
        return [target["EngineVersion"] for each in targets for target in each]

    def default_version(self, engine: str, major: str) -> str | None:
        """Return the minor version that RDS takes for a major version by default; None if it offers none."""
        found = self.rds.describe_db_engine_versions(Engine=engine, EngineVersion=major, DefaultOnly=True)
        return next((each["EngineVersion"] for each in found["DBEngineVersions"]), None)

    def parameters(self, group: str) -> dict[str, str]:
        """Return the values of a DB parameter group that are not the engine's defaults."""
        pages = self.rds.get_paginator("describe_db_parameters").paginate(
            DBParameterGroupName=group, Source="user"
        )
        return {
            parameter["ParameterName"]: parameter.get("ParameterValue", "")
            for page in pages
            for parameter in page["Parameters"]
        }

    def free_storage(self, database: str) -> float | None:
        """Return the least free storage of a DB instance within the last hour, in bytes; None if unknown."""
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
