"""The engine's parts, for tests that look at them or disturb them."""

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from catalog_stack.permissions.engine import MACHINE
from local_cloud.cloud import Cloud


def eventually(holds: Callable[[], bool], what: str, seconds: float = 20) -> None:
    """Return once `holds`.

    Raises:
        TimeoutError: it does not within `seconds`.
    """
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.05)


@dataclass(frozen=True)
class Queue:
    """An SQS queue of the engine.

    Attributes:
        sender: the AWS service that `send` sends as; the account's administrator if None.
    """

    cloud: Cloud
    url: str
    sender: str | None = None

    @property
    def arn(self) -> str:
        attributes = self._sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])
        return str(attributes["Attributes"]["QueueArn"])

    def send(self, *bodies: str) -> None:
        """Send up to ten messages in one call."""
        entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies)]
        sqs = self.cloud.identity.client("sqs", principal=self.sender)
        answer = sqs.send_message_batch(QueueUrl=self.url, Entries=entries)
        assert not answer.get("Failed")

    def depth(self) -> int:
        """Return how many messages there are, those under way included."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self._sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)
        return sum(int(count) for count in answer["Attributes"].values())

    def take(self) -> str:
        """Take the next message from the queue and return its body."""
        messages: list[dict[str, Any]] = []

        def came() -> bool:
            messages.extend(self._sqs.receive_message(QueueUrl=self.url).get("Messages", []))
            return bool(messages)

        eventually(came, f"a message in {self.url}")
        self._sqs.delete_message(QueueUrl=self.url, ReceiptHandle=messages[0]["ReceiptHandle"])
        return str(messages[0]["Body"])

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep the engine from reading this queue, so that a test can."""
        lambdas = self.cloud.client("lambda")
        mappings = lambdas.list_event_source_mappings(EventSourceArn=self.arn)["EventSourceMappings"]
        for mapping in mappings:
            lambdas.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
        try:
            yield
        finally:
            for mapping in mappings:
                lambdas.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)

    @property
    def _sqs(self) -> Any:
        return self.cloud.client("sqs")


def operations(cloud: Cloud, verb: str) -> Queue:
    """Return the queue that Service Catalog puts operations into: of Provision, Update or Terminate.

    Only Service Catalog may send to it, so a test's message seems to come from there.
    """
    name = f"ServiceCatalogExternal{verb}OperationQueue"
    url = cloud.client("sqs").get_queue_url(QueueName=name)["QueueUrl"]
    return Queue(cloud, url, "servicecatalog.amazonaws.com")


def dead_letters(cloud: Cloud) -> Queue:
    """Return the queue of the messages that the engine could not receive."""
    [url] = [url for url in cloud.client("sqs").list_queues()["QueueUrls"] if "DeadLetters" in url]
    return Queue(cloud, url)


def release(cloud: Cloud, content: str) -> None:
    """Let the engine accept a file as a released version, as if SHA256SUMS had it at the deployment."""
    lambdas = cloud.client("lambda")
    [validate] = [
        each
        for page in lambdas.get_paginator("list_functions").paginate()
        for each in page["Functions"]
        if each["Handler"] == "validate.handler.handle"
    ]
    variables = validate["Environment"]["Variables"]
    variables["RELEASED"] += f",by-hand={hashlib.sha256(content.encode()).hexdigest()}"
    lambdas.update_function_configuration(
        FunctionName=validate["FunctionName"], Environment={"Variables": variables}
    )


def unreported(cloud: Cloud) -> Queue:
    """Return the queue of operations that could not be answered."""
    [url] = [url for url in cloud.client("sqs").list_queues()["QueueUrls"] if "Unreported" in url]
    return Queue(cloud, url)


def unconfirmed(cloud: Cloud) -> Queue:
    """Return the queue of operations that Service Catalog did not confirm."""
    [url] = [url for url in cloud.client("sqs").list_queues()["QueueUrls"] if "Unconfirmed" in url]
    return Queue(cloud, url)


EXECUTION_ENDED, SWEEP = "ExecutionEndedUnanswered", "QuarterOfAnHour"


@contextmanager
def rule_is(cloud: Cloud, state: Literal["enabled", "disabled"], rule: str) -> Iterator[None]:
    """Switch one of the engine's rules of EventBridge on or off for a while."""
    events = cloud.client("events")
    [name] = [one["Name"] for one in events.list_rules()["Rules"] if rule in one["Name"]]
    on, off = events.enable_rule, events.disable_rule
    there, back = (on, off) if state == "enabled" else (off, on)
    there(Name=name)
    try:
        yield
    finally:
        back(Name=name)


@contextmanager
def paused(cloud: Cloud, verb: str) -> Iterator[None]:
    """Let Lambda refuse to run a function, as it does while an account has used up its concurrency."""
    lambdas = cloud.client("lambda")
    pages = lambdas.get_paginator("list_functions").paginate()
    names = [function["FunctionName"] for page in pages for function in page["Functions"]]
    [name] = [name for name in names if name.startswith(f"CatalogStack-Engine{verb}")]
    lambdas.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    try:
        yield
    finally:
        lambdas.delete_function_concurrency(FunctionName=name)


def executions(cloud: Cloud, of: str = "") -> list[dict[str, Any]]:
    """Return the executions of the engine, or those for one record or provisioned product."""
    step_functions = cloud.client("stepfunctions")
    machines = step_functions.list_state_machines()["stateMachines"]  # products also have state machines
    [arn] = [each["stateMachineArn"] for each in machines if each["name"] == MACHINE]
    pages = step_functions.get_paginator("list_executions").paginate(stateMachineArn=arn)
    return [execution for page in pages for execution in page["executions"] if of in execution["name"]]


def history(cloud: Cloud, execution: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the events of an execution."""
    pages = cloud.client("stepfunctions").get_paginator("get_execution_history")
    return [
        event for page in pages.paginate(executionArn=execution["executionArn"]) for event in page["events"]
    ]


def log_lines(cloud: Cloud) -> Iterator[str]:
    """Yield every line of every log."""
    logs = cloud.client("logs")
    for groups in logs.get_paginator("describe_log_groups").paginate():
        for group in groups["logGroups"]:
            pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"])
            for page in pages:
                yield from (event["message"] for event in page["events"])


def published(cloud: Cloud, *metrics: str) -> Counter[str]:
    """Count how often the engine has published each of some metrics."""
    lines = [line for line in log_lines(cloud) if '"_aws"' in line]
    return Counter(metric for line in lines for metric in metrics if f'"{metric}"' in line)


def stacks_ever(cloud: Cloud, product: str) -> list[str]:
    """Return the statuses of all stacks that a provisioned product has ever had, deleted ones too."""
    pages = cloud.client("cloudformation").get_paginator("list_stacks").paginate()
    return [
        summary["StackStatus"]
        for page in pages
        for summary in page["StackSummaries"]
        if summary["StackName"] == f"TapStack-{product}"
    ]
