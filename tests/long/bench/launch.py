"""One launch of the newest version in AWS's own time, and what the engine did for it."""

from __future__ import annotations

import json
import time
from collections import Counter
from datetime import datetime
from typing import Any

from rich.console import Console

from local_cloud.cloud import Cloud
from local_cloud.demo.synthesize import catalog, offer
from local_cloud.service_catalog.launches import Record
from local_cloud.service_catalog.models import backend
from product_template.releasing.tables import table
from tests.support.machinery import log_lines

# Slow enough that a look at the stack takes only a few of the seconds between two looks.
SPEED = 20.0
ENTERED = ("TaskStateEntered", "ChoiceStateEntered")
INVOKED = "LambdaFunctionScheduled"
# The alternative that it is compared with: every ten seconds a Wait, a Task that looks and a Choice.
POLLING_SECONDS, STATES_A_POLL = 10, 3


def measure(console: Console) -> str:
    """Launch, and return the counts and times as a table."""
    with catalog(console, port=0, speed=SPEED) as cloud:
        record = _launch(console, cloud)
        history = _history(cloud, record)
        [stack] = [
            each
            for each in cloud.client("cloudformation").describe_stacks()["Stacks"]
            if each["StackName"].endswith(record.provisioned_product.id)
        ]
        done = _completed(cloud, stack["StackId"])
        asked, worked = _seconds(cloud, record, "Record asked for"), _seconds(cloud, record, "Step done")
    types = Counter(event["type"] for event in history)
    entered = sum(types[name] for name in ENTERED)
    tries = types[INVOKED]
    transitions = entered + tries - types["TaskStateEntered"]
    # Receiving it was an invocation, too; its queue has one message here.
    invocations = tries + 1
    minutes = (done - record.created).total_seconds() * SPEED / 60
    polls = round(minutes * 60 / POLLING_SECONDS)
    looks = _tries(history, "Wait for stack")
    loop_transitions = entered - 1 + STATES_A_POLL * polls
    loop_invocations = types["TaskStateEntered"] + polls
    waited = (looks[-1] - done).total_seconds() * SPEED
    return table(
        [f"a launch of {minutes:.0f} minutes", "engine", "polling loop", "ratio"],
        [
            ["state transitions", *_against(transitions, loop_transitions)],
            ["Lambda invocations", *_against(invocations, loop_invocations)],
            ["of these, looks at the stack", *_against(len(looks), polls)],
            [
                "from the message to CloudFormation's first sign",
                f"{(stack['CreationTime'] - record.created).total_seconds():.1f} s, all functions cold",
                "",
                "",
            ],
            [
                "questions whether Service Catalog confirms it",
                f"{len(asked)}, {sum(asked):.1f} s in all: {sum(asked) / sum(worked):.0%} of the time that "
                "functions work",
                "",
                "",
            ],
            ["from the stack's completion to the next look", f"{waited:.0f} s, at most 120", "", ""],
            [
                "from that look to the answer",
                f"{(record.updated - looks[-1]).total_seconds():.1f} s, three functions cold",
                "",
                "",
            ],
        ],
    )


def _against(ours: int, theirs: int) -> list[str]:
    return [str(ours), str(theirs), f"1 : {theirs / ours:.1f}"]


def _launch(console: Console, cloud: Cloud) -> Record:
    version = offer(cloud)
    answer = cloud.client("servicecatalog").provision_product(
        ProductId=version.product_id,
        ProvisioningArtifactId=version.version_id,
        PathId=version.path_id,
        ProvisionedProductName="measured",
        ProvisioningParameters=[
            {"Key": "EnvironmentSuffix", "Value": "dev"},
            {"Key": "OpsEmails", "Value": "ops@example.com"},
        ],
    )
    record = backend().state.record(answer["RecordDetail"]["RecordId"])
    with console.status("Launching"):
        while record.status not in ("SUCCEEDED", "FAILED"):
            time.sleep(0.2)
    if record.status == "FAILED":
        raise RuntimeError(f"the launch failed: {record.errors}")
    return record


def _history(cloud: Cloud, record: Record) -> list[dict[str, Any]]:
    client = cloud.client("stepfunctions")
    [execution] = [
        execution["executionArn"]
        for machine in client.list_state_machines()["stateMachines"]
        for execution in client.list_executions(stateMachineArn=machine["stateMachineArn"])["executions"]
        if execution["name"].endswith(record.id)
    ]
    pages = client.get_paginator("get_execution_history").paginate(executionArn=execution)
    return [event for page in pages for event in page["events"]]


def _tries(history: list[dict[str, Any]], state: str) -> list[datetime]:
    """Return when the function of a state was invoked."""
    tries, current = [], ""
    for event in history:
        current = event.get("stateEnteredEventDetails", {}).get("name", current)
        if current == state and event["type"] == INVOKED:
            tries.append(event["timestamp"])
    return tries


def _seconds(cloud: Cloud, record: Record, message: str) -> list[float]:
    """Return the seconds in those lines of the engine's logs that are about a record and say `message`."""
    lines = (json.loads(line) for line in log_lines(cloud) if record.id in line and message in line)
    return [float(line["seconds"]) for line in lines if line.get("message") == message]


def _completed(cloud: Cloud, stack: str) -> datetime:
    pages = cloud.client("cloudformation").get_paginator("describe_stack_events").paginate(StackName=stack)
    moments: list[datetime] = [
        event["Timestamp"]
        for page in pages
        for event in page["StackEvents"]
        if event["PhysicalResourceId"] == stack and event["ResourceStatus"] == "CREATE_COMPLETE"
    ]
    return max(moments)
