"""The stacks that tests make, and how their operations ended."""

import json
import time
from typing import Any


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
