"""An empty local cloud, and what nearly every test puts into it first."""

from collections.abc import Iterator
from typing import Any

import pytest

from local_cloud.cloud import Cloud
from tests.support.account import Account


@pytest.fixture(scope="module")
def speed() -> float:
    """AWS seconds that pass in a second; a module that waits for what takes minutes has its own."""
    return 1000


@pytest.fixture(scope="module")
def cloud(speed: float) -> Iterator[Cloud]:
    with Cloud(speed=speed) as cloud:
        yield cloud


@pytest.fixture(scope="module")
def account(cloud: Cloud) -> Account:
    return Account(cloud)


@pytest.fixture(scope="module")
def rds(cloud: Cloud) -> Any:
    """RDS, with a subnet group "two" that covers two zones."""
    subnets = cloud.client("ec2").describe_subnets()["Subnets"][:2]
    client = cloud.client("rds")
    client.create_db_subnet_group(
        DBSubnetGroupName="two",
        DBSubnetGroupDescription="d",
        SubnetIds=[subnet["SubnetId"] for subnet in subnets],
    )
    return client
