"""One operation of the deployed engine in which one thing goes wrong, and its result."""

import itertools
import re
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from botocore.exceptions import ClientError

from catalog_stack.permissions.engine import MACHINE
from local_cloud.account import ACCOUNT_ID, REGION
from local_cloud.cloud import Cloud
from local_cloud.cloudformation.assembly import deploy
from local_cloud.faults.api import Call
from local_cloud.service_catalog.launches import Record
from local_cloud.service_catalog.models import backend
from local_cloud.step_functions.models import seconds_used
from tests.support.inventory import inventory, left_with
from tests.support.launches import Catalog, product_of, reason, record_of
from tests.support.machinery import SWEEP, eventually, rule_is
from tests.support.versions import OLDEST

Operation = Literal["provision", "update", "terminate"]
OPERATIONS: tuple[Operation, ...] = ("provision", "update", "terminate")
# If an execution has been over for this long, nothing that still runs answers its record: 11 hours of AWS.
QUIET_SECONDS = 2.0
# How many products are kept for the next cases. Every validation looks at each of them.
MOST_SPARES = 4
# A reason that says what to do with a stack that is left behind.
EXPLAINS_A_STACK = re.compile(r"TapStack-|[Tt]erminate|[Uu]pdate")


@dataclass
class Case:
    """One operation that is about to be disturbed.

    Attributes:
        name: of the provisioned product, and its suffix.
        product: its id, once there is one.
        record: what ProvisionProduct and its like have answered.
        lift: ends what only a person could end; called when the engine alone gets no further.
        lifted: whether that was so.
    """

    operation: Operation
    name: str
    product: str = ""
    record: dict[str, Any] = field(default_factory=dict)
    lift: Callable[[], None] = lambda: None
    lifted: bool = False

    @property
    def record_id(self) -> str:
        """The record, as soon as Service Catalog has it."""
        records = list(backend().state.records.values())
        return next(each.id for each in reversed(records) if self._is_of(each))

    def _is_of(self, record: Record) -> bool:
        return record.provisioned_product.name == self.name and record.type.startswith(self.operation.upper())

    def owns(self, call: Call) -> bool:
        """Whether a call is made for this operation: it names the record, or is made in its name."""
        ids = re.findall(r"rec-[a-z0-9]+", f"{call.caller} {call.text}")
        records = backend().state.records
        return any(self._is_of(records[each]) for each in set(ids) if each in records)


# Makes something go wrong with a case; gives what is to be done once the operation has started.
Disturbance = Callable[["Laboratory", Case], AbstractContextManager[Callable[[], None]]]


@dataclass(frozen=True)
class Result:
    """The result of a case.

    Attributes:
        record: the record's status in the end.
        product: the provisioned product's status in the end, or "gone".
        left: what there is in the account afterwards: nothing, a stack with its status, or what is in none.
        answers: how many answers Service Catalog took.
        repeated: how many more it heard: the same again, or refused ones.
        seconds: how long the state machine ran, in AWS seconds; None if it never did.
        lifted: whether the operation could end only when the fault did.
        reason: what the user reads.
        defects: what must not be.
    """

    operation: Operation
    place: str
    fault: str
    record: str
    product: str
    left: str
    answers: int
    repeated: int
    seconds: int | None
    lifted: bool
    reason: str
    defects: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class Laboratory:
    """A cloud with the catalog deployed into it, in which operations are disturbed, several at a time.

    Args:
        cloud: where it is deployed.
        catalog: the version to launch.

    Attributes:
        sweeps: whether the sweep may run when an operation is not answered otherwise.
    """

    def __init__(self, cloud: Cloud, catalog: Catalog) -> None:
        self.cloud = cloud
        self.catalog = catalog
        self.faults = cloud.faults.api
        self.verbs = _verbs(cloud)
        self._describe_execution = cloud.client("stepfunctions").describe_execution
        self._numbers = itertools.count(1)
        self.sweeps = True
        self._spares: list[Case] = []
        self._before = inventory(cloud)

    def run(self, operation: Operation, place: str, fault: str, disturbance: Disturbance) -> Result:
        """Disturb one operation, wait for what becomes of it, and clean up after it."""
        case = self._prepared(operation)
        with disturbance(self, case) as meanwhile:
            self._start(case)
            meanwhile()
            record = self._answered(case)
            seconds = self._machine_seconds(case)
        product = self._status(case.product)
        stack = self.stack(case.product)
        # A stack's resources go with it. `leftovers` finds what a termination leaves.
        found = left_with(self.cloud, case.name) if not stack and product != "gone" else []
        why = reason(record)
        defects = list(_defects(record, product, stack, found, why))
        defects += self._cleaned_up(case)
        answers = [answer.outcome for answer in backend().state.record(record_of(record)).answers]
        if answers.count("accepted") != 1:
            defects.append(f"answered {answers.count('accepted')} times")
        return Result(
            operation,
            place,
            fault,
            record["RecordDetail"]["Status"],
            product,
            f"stack {stack}" if stack else f"{len(found)} things in no stack" if found else "nothing",
            answers.count("accepted"),
            len(answers) - answers.count("accepted"),
            seconds,
            case.lifted,
            why,
            tuple(defects),
        )

    def calls(self, operation: Operation) -> list[Call]:
        """Return the calls that the engine makes in an operation which nothing disturbs."""
        noted: list[Call] = []

        @contextmanager
        def record(laboratory: "Laboratory", case: Case) -> Iterator[Callable[[], None]]:
            with laboratory.faults.recorded() as calls:
                yield lambda: None
                noted.extend(call for call in calls if case.owns(call))

        result = self.run(operation, "", "none", record)
        assert (result.record, result.defects) == ("SUCCEEDED", ()), result
        return noted

    def stack(self, product: str) -> str | None:
        """Return the status of a product's stack; None when there is none."""
        try:
            described = self.cloud.client("cloudformation").describe_stacks(StackName=f"TapStack-{product}")
        except ClientError:
            return None
        return str(described["Stacks"][0]["StackStatus"])

    def machine(self) -> str:
        """Return the ARN of the engine's state machine; products have their own."""
        machines = self.cloud.client("stepfunctions").list_state_machines()["stateMachines"]
        [arn] = [each["stateMachineArn"] for each in machines if each["name"].startswith("TapStack")]
        return str(arn)

    def execution(self, case: Case) -> dict[str, Any] | None:
        """Return what DescribeExecution tells of the execution of a case's record, if there is one.

        ListExecutions would return more with every case.
        """
        name = f"execution:{MACHINE}:{case.product}-{record_of(case.record)}"
        arn = f"arn:aws:states:{REGION}:{ACCOUNT_ID}:{name}"
        try:
            described: dict[str, Any] = self._describe_execution(executionArn=arn)
        except ClientError:
            return None
        return described

    # One case

    def _prepared(self, operation: Operation) -> Case:
        if operation == "provision":
            return Case("provision", self._name())
        try:
            launched = self._spares.pop()
        except IndexError:
            launched = self._launched()
        return Case(operation, launched.name, launched.product)

    def _launched(self) -> Case:
        case = Case("provision", self._name())
        self._start(case)
        record = self.catalog.ended(case.record, seconds=120)
        assert record["RecordDetail"]["Status"] == "SUCCEEDED", reason(record)
        assert self._confirmed(case), f"nobody is subscribed of {case.name}"
        return case

    def _name(self) -> str:
        # t is no hexadecimal digit, so no id such as eipassoc-c0465… is mistaken for a leftover of a case.
        return f"t{next(self._numbers):04}"

    def _start(self, case: Case) -> None:
        if case.operation == "terminate":
            case.record = self.catalog.start_terminate(case.product)
            return
        number = next(self._numbers)
        inputs = {
            "EnvironmentSuffix": case.name,
            "OpsEmails": f"ops-{number}@example.com",
            "BackupRetentionDays": str(1 + number % 34),
        }
        if case.operation == "provision":
            inputs["VpcCidr"] = f"10.{number // 16 % 256}.{number % 16 * 16}.0/20"
            case.record = self.catalog.start_provision(case.name, **inputs)
        else:
            case.record = self.catalog.start_update(case.product, VpcCidr=None, **inputs)
        case.product = product_of(case.record)

    def _answered(self, case: Case) -> dict[str, Any]:
        """Return the record once it has ended: by itself, by the sweep, or when the fault is over.

        The sweep runs only when nothing else does. By this clock's schedule it would run without a pause.
        """
        quiet_since = time.monotonic()
        with ExitStack() as swept:
            while True:
                with suppress(TimeoutError):
                    return self.catalog.ended(case.record, seconds=0.5)
                execution = self.execution(case)
                if execution and execution["status"] == "RUNNING":
                    quiet_since = time.monotonic()
                quiet = time.monotonic() - quiet_since
                if quiet > QUIET_SECONDS and self.sweeps:
                    swept.enter_context(rule_is(self.cloud, "enabled", SWEEP))
                    swept.callback(setattr, self, "sweeps", True)
                    self.sweeps = False
                if quiet > 4 * QUIET_SECONDS and not case.lifted:
                    case.lift()
                    case.lifted = True
                if quiet > 20 * QUIET_SECONDS:
                    described: dict[str, Any] = self.cloud.client("servicecatalog").describe_record(
                        Id=record_of(case.record)
                    )
                    return described

    def _machine_seconds(self, case: Case) -> int | None:
        """Return how long the execution has run once it has ended."""
        execution = self.execution(case)
        if execution is None:
            return None
        arn = execution["executionArn"]
        describe = self._describe_execution
        eventually(lambda: describe(executionArn=arn)["status"] != "RUNNING", "the execution's end", 120)
        return round(seconds_used(arn))

    def _status(self, product: str) -> str:
        try:
            return self.catalog.status(product)
        except ClientError:
            return "gone"

    # Afterwards

    def _cleaned_up(self, case: Case) -> list[str]:
        """End the product, or keep it for the next case. Returns what cannot be ended or is left."""
        self._at_rest(case.product)
        status = self._status(case.product)
        if status == "gone":
            return []
        usable = status in ("AVAILABLE", "TAINTED") and str(self.stack(case.product)).endswith("_COMPLETE")
        if usable and len(self._spares) < MOST_SPARES and self._confirmed(case):
            self._spares.append(case)
            return []
        if status == "UNDER_CHANGE":
            return ["nobody can end the product"]
        record = self.catalog.ended(self.catalog.start_terminate(case.product), seconds=120)
        if record["RecordDetail"]["Status"] != "SUCCEEDED":
            return [f"the product cannot be terminated: {reason(record)}"]
        return [f"its termination leaves {left[:300]}" for left in left_with(self.cloud, case.name)]

    def _at_rest(self, product: str) -> None:
        def rests() -> bool:
            # A stack that has only a change set stays in REVIEW_IN_PROGRESS.
            status = str(self.stack(product)).replace("REVIEW_IN_PROGRESS", "in review")
            return not status.endswith("_IN_PROGRESS")

        eventually(rests, "the stack's rest", 120)

    def _confirmed(self, case: Case) -> bool:
        """Follow the links in the mails. Return whether the next update has somebody to unsubscribe."""
        sns, mailbox = self.cloud.client("sns"), self.cloud.mailbox
        subscribed = False
        for topic in sns.list_topics()["Topics"]:
            if not topic["TopicArn"].endswith(f"-{case.name}"):
                continue
            for mail in mailbox.all():
                if topic["TopicArn"] in mail.todo:
                    token = mail.todo.split("--token ")[1].split()[0]
                    with suppress(ClientError):  # it is confirmed already, or gone
                        sns.confirm_subscription(TopicArn=topic["TopicArn"], Token=token)
            found = sns.list_subscriptions_by_topic(TopicArn=topic["TopicArn"])["Subscriptions"]
            subscribed |= any(each["SubscriptionArn"].startswith("arn:") for each in found)
        return subscribed

    def leftovers(self) -> list[str]:
        """End the products kept for other cases, and return what is left in the account of any product."""
        for case in self._spares:
            self.catalog.ended(self.catalog.start_terminate(case.product), seconds=120)
        self._spares.clear()
        return sorted(inventory(self.cloud) - self._before)


def _verbs(cloud: Cloud) -> dict[str, str]:
    """Return the verb of each function of the engine, by the function's name."""
    pages = cloud.client("lambda").get_paginator("list_functions").paginate()
    return {
        function["FunctionName"]: function["Handler"].split(".")[0]
        for page in pages
        for function in page["Functions"]
        if function["Handler"].endswith(".handler.handle")
    }


def _defects(
    record: dict[str, Any], product: str, stack: str | None, found: list[str], why: str
) -> Iterator[str]:
    """Say what exists although the statuses of the record and the product do not explain it."""
    status = record["RecordDetail"]["Status"]
    if status not in ("SUCCEEDED", "FAILED"):
        yield f"the record stays {status}"
        return
    if stack in (None, "REVIEW_IN_PROGRESS") and found:
        yield f"left in no stack: {', '.join(found)[:300]}"
    if product == "gone" and stack:
        yield f"the product is gone, and its stack is {stack}"
    if status == "SUCCEEDED" and product not in ("AVAILABLE", "gone"):
        yield f"the record SUCCEEDED, and the product is {product}"
    if status == "SUCCEEDED" and product == "AVAILABLE" and not str(stack).endswith("_COMPLETE"):
        yield f"the product is AVAILABLE, and its stack is {stack}"
    # After a failed update or termination, a user expects the product to be as it was before.
    launched = not record["RecordDetail"]["RecordType"].startswith("PROVISION")
    untouched = launched and str(stack).endswith("_COMPLETE")
    if status == "FAILED" and stack and not untouched and not EXPLAINS_A_STACK.search(why):
        yield f"stack {stack} is left, and the reason does not say what to do with it"


@contextmanager
def laboratory(assembly: Path) -> Iterator[Laboratory]:
    """Give a laboratory of its own cloud, in which an hour passes in a fifth of a second."""
    with Cloud(speed=20_000) as cloud:
        cloud.clock.shortest_wait = 0.005
        deploy(cloud, assembly, "CatalogStack")
        for code in cloud.quotas:
            cloud.quotas[code] = 1000.0
        service_catalog = cloud.client("servicecatalog")
        product = service_catalog.search_products()["ProductViewSummaries"][0]["ProductId"]
        path = service_catalog.list_launch_paths(ProductId=product)["LaunchPathSummaries"][0]["Id"]
        with rule_is(cloud, "disabled", SWEEP):
            yield Laboratory(cloud, Catalog(cloud, product, "", path).offering(OLDEST))
