from collections.abc import Iterator
from typing import Any

import pytest

from local_cloud.cloud import Cloud
from local_cloud.quotas.models import DB_INSTANCES, DEFAULTS, ELASTIC_IPS, NAT_GATEWAYS, VPCS
from tests.support.account import refusal


@pytest.fixture(autouse=True)
def default_quotas(cloud: Cloud) -> Iterator[None]:
    yield
    cloud.quotas.update({quota["QuotaCode"]: quota["Value"] for quota in DEFAULTS})


@pytest.mark.parametrize(
    ("service", "code", "name", "value"),
    [
        ("vpc", VPCS, "VPCs per Region", 5),
        ("vpc", NAT_GATEWAYS, "NAT gateways per Availability Zone", 5),
        ("ec2", ELASTIC_IPS, "EC2-VPC Elastic IPs", 5),
        ("rds", DB_INSTANCES, "DB instances", 40),
    ],
)
def test_an_account_has_the_quotas_that_aws_gives_it(
    cloud: Cloud, service: str, code: str, name: str, value: float
) -> None:
    quotas = cloud.client("service-quotas")
    applied = quotas.get_service_quota(ServiceCode=service, QuotaCode=code)["Quota"]
    assert (applied["QuotaName"], applied["Value"]) == (name, value)
    assert applied["QuotaArn"] == f"arn:aws:servicequotas:us-east-1:123456789012:{service}/{code}"
    cloud.quotas[code] = value + 1
    assert quotas.get_service_quota(ServiceCode=service, QuotaCode=code)["Quota"]["Value"] == value + 1
    default = quotas.get_aws_default_service_quota(ServiceCode=service, QuotaCode=code)["Quota"]
    assert default["Value"] == value
    listed = quotas.list_service_quotas(ServiceCode=service)["Quotas"]
    assert code in {quota["QuotaCode"] for quota in listed}


def test_a_quota_that_is_not_known_here_is_said_to_be_missing(cloud: Cloud) -> None:
    quotas = cloud.client("service-quotas")
    for service, code in (("rds", "L-00000000"), ("sagemaker", VPCS)):
        said = refusal(quotas.get_service_quota, ServiceCode=service, QuotaCode=code)
        assert said.startswith("NoSuchResourceException: ")


def test_nothing_can_be_created_beyond_its_quota(cloud: Cloud) -> None:
    ec2, rds = cloud.client("ec2"), cloud.client("rds")
    # The default VPC counts.
    cloud.quotas.update({VPCS: 2, ELASTIC_IPS: 1, NAT_GATEWAYS: 1, DB_INSTANCES: 0})
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    assert refusal(ec2.create_vpc, CidrBlock="10.1.0.0/16").startswith("VpcLimitExceeded: ")
    address = ec2.allocate_address()["AllocationId"]
    assert refusal(ec2.allocate_address).startswith("AddressLimitExceeded: ")

    def subnet(number: int, zone: str) -> str:
        made = ec2.create_subnet(
            VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=f"us-east-1{zone}"
        )
        return str(made["Subnet"]["SubnetId"])

    first, second, elsewhere = subnet(1, "a"), subnet(2, "a"), subnet(3, "b")
    ec2.create_nat_gateway(SubnetId=first, AllocationId=address)
    private: dict[str, Any] = {"ConnectivityType": "private"}
    assert refusal(ec2.create_nat_gateway, SubnetId=second, **private).startswith("NatGatewayLimitExceeded: ")
    ec2.create_nat_gateway(SubnetId=elsewhere, **private)
    request = {"DBInstanceIdentifier": "one", "DBInstanceClass": "db.r6g.large", "Engine": "postgres"}
    said = refusal(
        rds.create_db_instance, MasterUsername="u", MasterUserPassword="p" * 9, AllocatedStorage=20, **request
    )
    assert said.startswith("InstanceQuotaExceeded: ")


def orderable(cloud: Cloud, **wanted: str) -> list[dict[str, Any]]:
    pages = cloud.client("rds").get_paginator("describe_orderable_db_instance_options")
    return [
        each
        for page in pages.paginate(Engine="postgres", **wanted)
        for each in page["OrderableDBInstanceOptions"]
    ]


def test_a_current_class_can_be_ordered_in_several_zones_and_an_invented_one_not_at_all(cloud: Cloud) -> None:
    options = orderable(cloud, EngineVersion="14.22", DBInstanceClass="db.r6g.xlarge")
    assert {option["StorageType"] for option in options} >= {"gp3", "io1"}
    assert all(option["MultiAZCapable"] and len(option["AvailabilityZones"]) >= 2 for option in options)
    assert orderable(cloud, EngineVersion="14.22", DBInstanceClass="db.r99.huge") == []
    assert orderable(cloud, EngineVersion="14.19") == []
    classes = {option["DBInstanceClass"] for option in orderable(cloud, EngineVersion="14.22")}
    assert {"db.t4g.medium", "db.m6g.large", "db.r7g.2xlarge"} <= classes


def versions(cloud: Cloud, **wanted: Any) -> dict[str, dict[str, Any]]:
    found = cloud.client("rds").describe_db_engine_versions(Engine="postgres", **wanted)["DBEngineVersions"]
    return {each["EngineVersion"]: each for each in found}


def test_a_major_version_stands_for_its_creatable_minors(cloud: Cloud) -> None:
    assert {"14.20", "14.21", "14.22"} <= versions(cloud, EngineVersion="14").keys()
    assert "14.19" not in versions(cloud, EngineVersion="14")
    assert versions(cloud, EngineVersion="14", IncludeAll=True)["14.19"]["Status"] == "deprecated"
    [default] = versions(cloud, EngineVersion="14", DefaultOnly=True).values()
    assert default["DBParameterGroupFamily"] == "postgres14"


def test_an_upgrade_leads_to_a_release_that_is_at_least_as_new(cloud: Cloud) -> None:
    targets = versions(cloud, EngineVersion="14.21")["14.21"]["ValidUpgradeTarget"]
    named = {target["EngineVersion"]: target["IsMajorVersionUpgrade"] for target in targets}
    assert named["14.22"] is False
    assert named["17.8"] is True
    assert "14.20" not in named
    assert "17.7" not in named
