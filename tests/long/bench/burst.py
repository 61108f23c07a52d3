"""Bursts of operations: does the engine answer each one once, and how much time does it add?"""

from __future__ import annotations

import gc
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any

from rich.console import Console

from local_cloud.cloud import Cloud
from local_cloud.cloudformation.stack import STACK_TYPE
from local_cloud.demo.synthesize import Offer, catalog
from local_cloud.faults.api import Call, throttle
from local_cloud.quotas.models import DB_INSTANCES
from local_cloud.service_catalog.models import backend

from . import small_version

# AWS seconds a second, divided by the operations under way: two with a thousand of them. Slow enough for a
# machine that does AWS's part, too: of a thousand executions most wait for their turn, and ask for it once in
# two minutes at least, which at four AWS seconds a second is half of what the machine does.
SPEED = 2000.0
# A thread that waits for the interpreter asks for it again after so many seconds. If hundreds wait, asking
# at Python's own pace, every 5 ms, is all that the processors do.
SWITCH_SECONDS = 0.02
# Reserved for each step that calls CloudFormation or RDS: catalog:stepConcurrency.
STEP_CONCURRENCY = 10
SILENCE_SECONDS = 600  # without any answer, after which what is missing counts as lost
# An account that has asked for room: 40 are the default. Nothing else of the account is changed.
DATABASES = 1000
# Of ten operations: three launches, six that break rules, and one termination of what was launched before.
TERMINATIONS = range(9, 10)
WRONG = {
    3: {"OpsEmails": "nobody"},
    4: {"AllocatedStorage": "1"},
    5: {"EnvironmentSuffix": "taken"},
    6: {"InstanceClass": "db.t3.micro"},
    7: {"BackupRetentionDays": "0"},
    8: {"EnvironmentSuffix": "Not--good", "OpsEmails": "nobody", "AllocatedStorage": "none"},
}


@dataclass
class Burst:
    """The results of a burst. Times are seconds of this machine, one for each operation that has such a time.

    Attributes:
        throttled: the share of the engine's API calls that AWS refused with "Rate exceeded".
        refused: how many calls that were.
        accepted: operations that Service Catalog took.
        answered: of these, the ones that have ended.
        answered_wrongly: of these, good operations that failed, and wrong launches that did not, and why.
        heard_again: answers that changed nothing, because the same one had been taken before: what a client
            sends once more that has waited too long for this machine.
        duplicated: answers taken, executions and stacks beyond the first.
        until_call: from Service Catalog's message to CloudFormation's first sign of it.
        until_answer: from the end of the stack operation to the end of the record.
        until_refusal: from the message of a wrong launch to the end of the record.
        seconds: from the first operation to the last answer.
    """

    operations: int
    throttled: float
    refused: int = 0
    accepted: int = 0
    answered: int = 0
    answered_wrongly: list[str] = field(default_factory=list)
    heard_again: int = 0
    duplicated: int = 0
    until_call: list[float] = field(default_factory=list)
    until_answer: list[float] = field(default_factory=list)
    until_refusal: list[float] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def lost(self) -> int:
        """Operations that Service Catalog accepted and nobody ended."""
        return self.accepted - self.answered


def measure(console: Console, operations: int, throttled: float) -> Burst:
    """Throw a burst at a new cloud; wait until every operation is answered or nothing happens any more."""
    burst = Burst(operations, throttled)
    sys.setswitchinterval(SWITCH_SECONDS)
    to_terminate = operations * len(TERMINATIONS) // 10
    # With one more product, whose suffix is then taken in the burst.
    with catalog(
        console, port=0, speed=SPEED / (to_terminate + 1), stepConcurrency=str(STEP_CONCURRENCY)
    ) as cloud:
        cloud.quotas[DB_INSTANCES] = DATABASES
        users = _Users(cloud, small_version.release(cloud))
        before = [users.launch(f"before-{number}") for number in range(to_terminate)]
        _wait(console, [users.launch("taken"), *before])
        cloud.clock.speed = SPEED / operations
        gc.freeze()  # otherwise it goes through half a million objects again and again
        with _throttling(cloud, throttled) as struck:
            started = time.monotonic()
            with ThreadPoolExecutor(8) as pool:
                records = list(pool.map(lambda number: users.operate(number, before), range(operations)))
            burst.accepted = len(records)
            _wait(console, records)
            burst.seconds = time.monotonic() - started
            _settle(cloud)
        gc.unfreeze()  # so that this cloud is collected once it has stopped
        burst.refused = struck.struck
        _judge(cloud, burst, records)
    return burst


class _Users:
    """The users, who launch and terminate by the calls that the console and the aws command make."""

    def __init__(self, cloud: Cloud, version: Offer) -> None:
        self._catalog = cloud.client("servicecatalog")
        self._version = version
        self._terminated = count()

    def launch(self, name: str, **parameters: str) -> str:
        given = {"EnvironmentSuffix": name, "OpsEmails": "ops@example.com"} | parameters
        answer = self._catalog.provision_product(
            ProductId=self._version.product_id,
            ProvisioningArtifactId=self._version.version_id,
            PathId=self._version.path_id,
            ProvisionedProductName=name,
            ProvisioningParameters=[{"Key": key, "Value": value} for key, value in given.items()],
        )
        return str(answer["RecordDetail"]["RecordId"])

    def operate(self, number: int, before: list[str]) -> str:
        """Start the operation that is next in the mixture. Return its record."""
        kind = number % 10
        if kind in TERMINATIONS:
            product = backend().state.record(before[next(self._terminated)]).provisioned_product.id
            answer = self._catalog.terminate_provisioned_product(ProvisionedProductId=product)
            return str(answer["RecordDetail"]["RecordId"])
        return self.launch(f"burst-{number}", **WRONG.get(kind, {}))


@contextmanager
def _throttling(cloud: Cloud, share: float) -> Iterator[Any]:
    """Refuse a share of the calls of the engine's functions, with their own roles or the launch role."""
    dice = random.Random(0)  # which calls meet a refusal depends on the threads all the same
    functions = re.compile(
        r":assumed-role/(CatalogStack-Engine[^/]+/(?!StepFunctions)|SCLaunch-TapStack/rec-)"
    )

    def unlucky(call: Call) -> bool:
        return functions.search(call.caller) is not None and dice.random() < share

    faults = cloud.faults.api
    fault = faults.add(unlucky, throttle, times=1_000_000)
    yield fault
    faults.remove(fault)


def _wait(console: Console, records: list[str]) -> None:
    waiting, answered_at = set(records), time.monotonic()
    with console.status("") as status:
        while waiting and time.monotonic() - answered_at < SILENCE_SECONDS:
            time.sleep(0.5)
            done = {record for record in waiting if _ended(record)}
            if done:
                waiting, answered_at = waiting - done, time.monotonic()
            status.update(f"{len(records) - len(waiting)} of {len(records)} operations answered")


def _ended(record: str) -> bool:
    return backend().state.record(record).status in ("SUCCEEDED", "FAILED")


def _settle(cloud: Cloud) -> None:
    """Wait until no execution runs: a second answer would come from one."""
    executions = cloud.client("stepfunctions")
    [machine] = [
        each["stateMachineArn"]
        for each in executions.list_state_machines()["stateMachines"]
        if "TapStack" in each["name"]
    ]
    deadline = time.monotonic() + SILENCE_SECONDS
    while time.monotonic() < deadline:
        if not executions.list_executions(stateMachineArn=machine, statusFilter="RUNNING")["executions"]:
            return
        time.sleep(0.5)


def _judge(cloud: Cloud, burst: Burst, records: list[str]) -> None:
    stacks = _stacks(cloud)
    executions = _executions(cloud)
    for number, name in enumerate(records):
        record = backend().state.record(name)
        product = record.provisioned_product.id
        burst.answered += _ended(name)
        taken = sum(answer.outcome == "accepted" for answer in record.answers)
        burst.duplicated += max(0, taken - 1)
        burst.heard_again += len(record.answers) - taken
        burst.duplicated += max(0, executions[f"{product}-{name}"] - 1)
        if record.status != ("FAILED" if number % 10 in WRONG else "SUCCEEDED"):
            burst.answered_wrongly.append(
                f"{record.type} {record.status}: {record.provisioned_product.status_message}"
            )
        if number % 10 in WRONG:
            burst.until_refusal.append((record.updated - record.created).total_seconds())
            burst.duplicated += len(stacks.get(product, []))
            continue
        burst.duplicated += max(0, len(stacks.get(product, [])) - 1)
        for stack in stacks.get(product, [])[:1]:
            moments = [moment for moment in _moments(cloud, stack) if moment >= record.created]
            burst.until_call.append((moments[0] - record.created).total_seconds())
            burst.until_answer.append((record.updated - moments[-1]).total_seconds())


def _stacks(cloud: Cloud) -> dict[str, list[str]]:
    """Return the stacks there have ever been, by provisioned product."""
    found: dict[str, list[str]] = {}
    for page in cloud.client("cloudformation").get_paginator("list_stacks").paginate():
        for stack in page["StackSummaries"]:
            found.setdefault(stack["StackName"].removeprefix("TapStack-"), []).append(stack["StackId"])
    return found


def _executions(cloud: Cloud) -> Counter[str]:
    client = cloud.client("stepfunctions")
    return Counter(
        execution["name"]
        for machine in client.list_state_machines()["stateMachines"]
        for page in client.get_paginator("list_executions").paginate(
            stateMachineArn=machine["stateMachineArn"]
        )
        for execution in page["executions"]
    )


def _moments(cloud: Cloud, stack: str) -> list[datetime]:
    """Return when the stack itself changed its status, the earliest first."""
    pages = cloud.client("cloudformation").get_paginator("describe_stack_events").paginate(StackName=stack)
    return sorted(
        event["Timestamp"]
        for page in pages
        for event in page["StackEvents"]
        if event["ResourceType"] == STACK_TYPE and event["PhysicalResourceId"] == stack
    )
