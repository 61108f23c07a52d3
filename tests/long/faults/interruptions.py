"""What can go wrong with an operation as a whole."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from local_cloud.faults import api as api_faults
from local_cloud.faults.api import Effect
from local_cloud.faults.stack import Stall
from local_cloud.step_functions.models import seconds_used
from tests.long.faults.calls import ALWAYS, Place, place_of
from tests.long.faults.laboratory import Case, Disturbance, Laboratory, Operation
from tests.support.launches import product_of, record_of
from tests.support.machinery import Queue, eventually, executions, operations, paused, unconfirmed

# A resource that takes long in an operation, and what CloudFormation does to it.
LONG: dict[Operation, tuple[str, Literal["create", "update", "delete"]]] = {
    "provision": ("AWS::RDS::DBInstance", "create"),
    "update": ("AWS::RDS::DBInstance", "update"),
    "terminate": ("AWS::RDS::DBInstance", "delete"),
}
HOUR = 3600
# A launch that fails at once.
REFUSED = {"EnvironmentSuffix": "Wrong_Suffix", "OpsEmails": "ops@example.com"}


def nothing_to_do() -> None:
    """Do nothing to the operation."""


# The stack


@contextmanager
def resource_fails(laboratory: Laboratory, case: Case) -> Iterator[Callable[[], None]]:
    target, on = LONG[case.operation]
    laboratory.cloud.faults.stack.fail(target, "Internal failure of the service", on)
    yield nothing_to_do


@contextmanager
def rollback_fails(laboratory: Laboratory, case: Case) -> Iterator[Callable[[], None]]:
    """The change fails, and so does undoing it."""
    switches = laboratory.cloud.faults.stack
    if case.operation == "provision":
        switches.fail("AWS::RDS::DBInstance", "Internal failure of the service", "create")
        switches.fail("AWS::EC2::VPC", "Internal failure of the service", "delete")
    else:
        switches.fail("AWS::RDS::DBInstance", "Internal failure of the service", "update", times=2)
    yield nothing_to_do
    switches.clear()


@contextmanager
def foreign_object(laboratory: Laboratory, case: Case) -> Iterator[Callable[[], None]]:
    """Somebody has put something into a subnet of the stack, which therefore cannot be deleted."""
    ec2 = laboratory.cloud.client("ec2")
    made = []

    def put() -> None:
        subnet = _physical(laboratory, case, "AWS::EC2::Subnet")
        made.append(ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"])

    if case.operation == "terminate":
        put()
        yield nothing_to_do
    else:
        laboratory.cloud.faults.stack.fail("AWS::CloudWatch::Alarm", "Internal failure of the service")
        with _stalled(laboratory, case) as stall:

            def put_and_go_on() -> None:
                assert stall.reached.wait(60)
                put()
                stall.release()

            yield put_and_go_on
    for interface in made:
        ec2.delete_network_interface(NetworkInterfaceId=interface)


@contextmanager
def stack_stuck(laboratory: Laboratory, case: Case) -> Iterator[Callable[[], None]]:
    """A resource takes three hours."""
    with _stalled(laboratory, case) as stall:

        def recover_late() -> None:
            assert stall.reached.wait(60)
            arn = _execution(laboratory, case)
            eventually(lambda: seconds_used(arn) > 3 * HOUR, "three hours", 300)
            stall.release()

        yield recover_late


@contextmanager
def stack_stuck_for_too_long(laboratory: Laboratory, case: Case) -> Iterator[Callable[[], None]]:
    """A resource takes longer than the state machine may run."""
    with _stalled(laboratory, case):
        yield nothing_to_do


# The execution


@contextmanager
def execution_aborted(laboratory: Laboratory, case: Case) -> Iterator[Callable[[], None]]:
    """An administrator stops the execution while the stack changes."""
    with _stalled(laboratory, case) as stall:

        def stop() -> None:
            assert stall.reached.wait(60)
            arn = _execution(laboratory, case)
            laboratory.cloud.client("stepfunctions").stop_execution(executionArn=arn)

        yield stop


@contextmanager
def receive_paused(laboratory: Laboratory, _: Case) -> Iterator[Callable[[], None]]:
    """Lambda does not run the function that receives messages."""
    with paused(laboratory.cloud, "Receive"):
        yield nothing_to_do


# The messages


def message_comes(copies: int) -> Disturbance:
    """SQS delivers the message this many times at once, and once more when the operation has ended."""

    @contextmanager
    def disturb(laboratory: Laboratory, case: Case) -> Iterator[Callable[[], None]]:
        bodies: list[str] = []
        with _held(laboratory, case) as held:

            def deliver() -> None:
                bodies.append(held.take())
                held.deliver(*bodies * copies)

            yield deliver
        held.queue.send(*bodies)
        eventually(lambda: held.queue.depth() == 0, "the late copy is received", 60)

    return disturb


@contextmanager
def message_overtaken(laboratory: Laboratory, case: Case) -> Iterator[Callable[[], None]]:
    """The product's message comes, then an older one again; for a launch, a later launch's comes first."""
    older = [] if case.operation == "provision" else [_sent(laboratory, case)]
    other = Case("provision", f"{case.name}-later")
    with _held(laboratory, case) as held:

        def deliver() -> None:
            if older:
                held.deliver(held.take())
                operations(laboratory.cloud, "Provision").send(*older)
                return
            other.record = laboratory.catalog.start_provision(other.name, **REFUSED)
            both = (held.take(), held.take())
            held.deliver(*sorted(both, key=lambda body: other.name not in body))

        yield deliver
    if other.record:
        laboratory.catalog.ended(other.record)
        laboratory.catalog.terminate(other.record["RecordDetail"]["ProvisionedProductId"])


def forged(record: Literal["invented", "of another product"]) -> Disturbance:
    """Before its own message comes a forged one about the same product and kind."""

    @contextmanager
    def disturb(laboratory: Laboratory, case: Case) -> Iterator[Callable[[], None]]:
        other = (
            laboratory.catalog.provision(f"{case.name}-other", **REFUSED) if record != "invented" else None
        )
        with _held(laboratory, case) as held:

            def deliver() -> None:
                genuine = held.take()
                claimed = record_of(other) if other else f"{record_of(case.record)}0"
                made_up = json.loads(genuine) | {"recordId": claimed, "token": "known-to-nobody"}
                with _untouched(laboratory, case):
                    held.deliver(json.dumps(made_up))
                    _kept(laboratory, claimed)
                held.queue.send(genuine)

            yield deliver
        if other:
            laboratory.catalog.terminate(product_of(other))

    return disturb


@contextmanager
def message_late(laboratory: Laboratory, case: Case) -> Iterator[Callable[[], None]]:
    """The message comes when somebody has already answered the operation."""
    with _held(laboratory, case) as held:

        def deliver() -> None:
            body = held.take()
            message = json.loads(body)
            service_catalog = laboratory.cloud.client("servicecatalog")
            notify = {
                "provision": service_catalog.notify_provision_product_engine_workflow_result,
                "update": service_catalog.notify_update_provisioned_product_engine_workflow_result,
                "terminate": service_catalog.notify_terminate_provisioned_product_engine_workflow_result,
            }[case.operation]
            answer = {"WorkflowToken": message["token"], "RecordId": message["recordId"]}
            notify(**answer, Status="FAILED", FailureReason="Ended by hand.", IdempotencyToken="by-hand")
            with _untouched(laboratory, case):
                held.deliver(body)
                _kept(laboratory, message["recordId"])

        yield deliver


def artifact_gone(before: Literal["validation", "planning"]) -> Disturbance:
    """Service Catalog's copy of the template is deleted."""

    @contextmanager
    def disturb(laboratory: Laboratory, case: Case) -> Iterator[Callable[[], None]]:
        with ExitStack() as stack:
            held = stack.enter_context(_held(laboratory, case))

            def deliver() -> None:
                body = held.take()
                bucket, key = json.loads(body)["artifact"]["path"][len("S3://") :].split("/", 1)

                def delete() -> None:
                    laboratory.cloud.client("s3").delete_object(Bucket=bucket, Key=key)

                if before == "validation":
                    delete()
                else:
                    stack.enter_context(
                        at(laboratory, case, "cloudformation:CreateChangeSet", api_faults.before(delete))
                    )
                held.deliver(body)

            yield deliver

    return disturb


# The report


def report_refused(times: int) -> Disturbance:
    """Service Catalog does not take the report."""

    @contextmanager
    def disturb(laboratory: Laboratory, case: Case) -> Iterator[Callable[[], None]]:
        refuse = api_faults.refuse("InvalidParametersException", "Invalid WorkflowToken.", 400)
        with at(laboratory, case, "EngineWorkflowResult", refuse, times):
            yield nothing_to_do

    return disturb


@contextmanager
def answer_to_report_lost(laboratory: Laboratory, case: Case) -> Iterator[Callable[[], None]]:
    """Service Catalog takes the report, and the engine does not hear of it, five times."""
    with at(laboratory, case, "EngineWorkflowResult", api_faults.lose, 5):
        yield nothing_to_do


# Every call


def every_call(effect: Effect, *, but: tuple[str, ...] = ()) -> Disturbance:
    """Let something happen once to each of the engine's calls, at every place."""

    @contextmanager
    def disturb(laboratory: Laboratory, case: Case) -> Iterator[Callable[[], None]]:
        met: set[Place] = set()

        def first(call: Any) -> bool:
            place = place_of(laboratory, call)
            if place is None or place in met or place.actor in but or not case.owns(call):
                return False
            met.add(place)
            return True

        switched = laboratory.faults.add(first, effect, ALWAYS)
        try:
            yield nothing_to_do
        finally:
            laboratory.faults.remove(switched)

    return disturb


EVERYWHERE: tuple[Operation, ...] = ("provision", "update", "terminate")
INTERRUPTIONS: dict[str, tuple[Disturbance, tuple[Operation, ...]]] = {
    "nothing goes wrong": (every_call(lambda exchange: exchange.serve()), EVERYWHERE),
    "every call is throttled once": (every_call(api_faults.throttle), EVERYWHERE),
    "every call fails once with a server error": (every_call(api_faults.fail), EVERYWHERE),
    "every connection is cut once": (every_call(api_faults.cut), EVERYWHERE),
    "every answer is lost once": (every_call(api_faults.lose), EVERYWHERE),
    "a resource fails": (resource_fails, EVERYWHERE),
    "the rollback fails": (rollback_fails, ("provision", "update")),
    "a foreign object blocks the deletion": (foreign_object, ("provision", "terminate")),
    "the stack is stuck for three hours": (stack_stuck, EVERYWHERE),
    "the stack is stuck for longer than the machine may run": (stack_stuck_for_too_long, EVERYWHERE),
    "the execution is aborted": (execution_aborted, EVERYWHERE),
    "the message comes twice at once": (message_comes(2), EVERYWHERE),
    "the message comes ten times at once": (message_comes(10), EVERYWHERE),
    "messages come out of order": (message_overtaken, EVERYWHERE),
    "before the message comes a forged one with an invented record": (forged("invented"), EVERYWHERE),
    "before the message comes a forged one with another product's record": (
        forged("of another product"),
        EVERYWHERE,
    ),
    "the message comes when its record has ended": (message_late, EVERYWHERE),
    "messages cannot be received": (receive_paused, EVERYWHERE),
    "the artifact's copy is gone before the validation": (
        artifact_gone("validation"),
        ("provision", "update"),
    ),
    "the artifact's copy is gone before the planning": (artifact_gone("planning"), ("provision", "update")),
    "Service Catalog refuses the first report": (report_refused(1), EVERYWHERE),
    "Service Catalog refuses every report for days": (report_refused(ALWAYS), EVERYWHERE),
    "the report is taken, its answer is lost": (answer_to_report_lost, EVERYWHERE),
}


# Their tools


@contextmanager
def _stalled(laboratory: Laboratory, case: Case) -> Iterator[Stall]:
    target, on = LONG[case.operation]
    stall = laboratory.cloud.faults.stack.stall(target, on=on)
    try:
        yield stall
    finally:
        stall.release()


@contextmanager
def at(laboratory: Laboratory, case: Case, call: str, effect: Effect, times: int = 1) -> Iterator[None]:
    """Let something happen to calls of the engine whose name ends so."""
    switched = laboratory.faults.add(
        lambda made: (
            f"{made.service}:{made.operation}".endswith(call)
            and place_of(laboratory, made) is not None
            and case.owns(made)
        ),
        effect,
        times,
    )

    def lift() -> None:
        switched.times = 0

    case.lift = lift
    try:
        yield
    finally:
        laboratory.faults.remove(switched)


@dataclass
class Held:
    """A queue that the engine cannot read until something is delivered."""

    queue: Queue
    hold: ExitStack

    def take(self) -> str:
        """Take the next message from it."""
        return self.queue.take()

    def deliver(self, *bodies: str) -> None:
        """Put messages into it and let the engine read it."""
        self.queue.send(*bodies)
        self.hold.close()


@contextmanager
def _held(laboratory: Laboratory, case: Case) -> Iterator[Held]:
    queue = operations(laboratory.cloud, case.operation.capitalize())
    with ExitStack() as hold:
        hold.enter_context(queue.held())
        yield Held(queue, hold)


@contextmanager
def _untouched(laboratory: Laboratory, case: Case) -> Iterator[None]:
    """Check that nothing happens to the stack of a case in the context."""

    def last_event() -> str | None:
        if laboratory.stack(case.product) is None:
            return None
        client = laboratory.cloud.client("cloudformation")
        events = client.describe_stack_events(StackName=f"TapStack-{case.product}")["StackEvents"]
        return str(events[0]["EventId"])

    before = last_event()
    yield
    assert last_event() == before, f"something happened to stack TapStack-{case.product}"


def _kept(laboratory: Laboratory, record: str) -> None:
    """Wait until the operation of a record is in the queue of unconfirmed operations, and delete it there."""
    kept = unconfirmed(laboratory.cloud)
    eventually(lambda: kept.depth() == 1, f"record {record} is kept", 60)
    assert json.loads(kept.take())["recordId"] == record


def _sent(laboratory: Laboratory, case: Case) -> str:
    """Return the message with which the product was launched, as Service Catalog sent it."""
    found = executions(laboratory.cloud, of=case.product)[-1]
    described = laboratory.cloud.client("stepfunctions").describe_execution(
        executionArn=found["executionArn"]
    )
    given = json.loads(described["input"])
    return json.dumps(given["message"] | {"token": given["token"]})


def _execution(laboratory: Laboratory, case: Case) -> str:
    execution = laboratory.execution(case)
    assert execution is not None, f"{case.operation} of {case.name} has no execution"
    return str(execution["executionArn"])


def _physical(laboratory: Laboratory, case: Case, kind: str) -> str:
    pages = (
        laboratory.cloud.client("cloudformation")
        .get_paginator("list_stack_resources")
        .paginate(StackName=f"TapStack-{case.product}")
    )
    return next(
        str(resource["PhysicalResourceId"])
        for page in pages
        for resource in page["StackResourceSummaries"]
        if resource["ResourceType"] == kind and resource.get("PhysicalResourceId")
    )
