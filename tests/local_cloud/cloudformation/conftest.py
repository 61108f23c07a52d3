"""A cloud for stacks, with the switch that makes their operations go wrong."""

from collections.abc import Iterator
from typing import Any

import pytest

from local_cloud.cloud import Cloud
from local_cloud.faults.stack import StackFaults
from tests.support.cloudformation import finished


@pytest.fixture(scope="package")
def cloud() -> Iterator[Cloud]:
    with Cloud(speed=100_000) as cloud:
        yield cloud


@pytest.fixture
def fault(cloud: Cloud) -> Iterator[StackFaults]:
    yield cloud.faults.stack
    cloud.faults.stack.clear()


@pytest.fixture
def client(cloud: Cloud) -> Iterator[Any]:
    """CloudFormation; the stacks of a test go with it."""
    client = cloud.client("cloudformation")
    yield client
    for stack in client.describe_stacks()["Stacks"]:
        client.update_termination_protection(StackName=stack["StackId"], EnableTerminationProtection=False)
        finished(client, stack["StackId"])
        client.delete_stack(StackName=stack["StackId"])
        finished(client, stack["StackId"])
