"""A cloud for stacks, with the switch that makes their operations go wrong."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from local_cloud.cloud import Cloud
from local_cloud.cloudformation import faults
from local_cloud.cloudformation.faults import Faults


@pytest.fixture(scope="package")
def cloud() -> Iterator[Cloud]:
    with Cloud(speed=100_000) as cloud:
        yield cloud


@pytest.fixture
def fault(cloud: Cloud) -> Iterator[Faults]:
    yield faults(cloud.world)
    faults(cloud.world).clear()


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


def finished(client: Any, stack: str) -> dict[str, Any]:
    """Describe a stack once nothing is under way."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        described: dict[str, Any] = client.describe_stacks(StackName=stack)["Stacks"][0]
        if (
            not described["StackStatus"].endswith("_IN_PROGRESS")
            or described["StackStatus"] == "REVIEW_IN_PROGRESS"
        ):
            return described
        time.sleep(0.02)
    raise AssertionError(f"{stack} is still {described['StackStatus']}")


def template(**resources: Any) -> str:
    parameters = {"Name": {"Type": "String", "Default": "one"}}
    return json.dumps({"Parameters": parameters, "Resources": resources})


def topic(name: Any = None, **attributes: Any) -> dict[str, Any]:
    return {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": name} if name else {}, **attributes}


def reasons(client: Any, stack: str) -> dict[str, str]:
    """The reason of each resource's first failure among the stack's newest events."""
    events = client.describe_stack_events(StackName=stack)["StackEvents"]
    return {
        e["LogicalResourceId"]: e.get("ResourceStatusReason", "")
        for e in events
        if e["ResourceStatus"].endswith("_FAILED")
    }
