"""A few cells of docs/audit/faults.md; `make faults` has all of them."""

import pytest

from local_cloud.cloud import Cloud
from tests.long.faults.calls import FAULTS, Place, disturbance
from tests.long.faults.interruptions import INTERRUPTIONS
from tests.long.faults.laboratory import Disturbance, Laboratory, Operation
from tests.long.faults.nets import FAULTS as NET_FAULTS
from tests.long.faults.nets import NETS, without
from tests.support.launches import Catalog


@pytest.fixture(scope="module")
def bench(cloud: Cloud, oldest: Catalog) -> Laboratory:
    return Laboratory(cloud, oldest)


def at(actor: str, call: str, fault: str) -> Disturbance:
    return disturbance(Place(actor, call), FAULTS[fault])


# One product that is launched, updated and terminated; and a launch that fails before it creates anything.
CELLS: list[tuple[Operation, str, Disturbance, str]] = [
    ("provision", "denied", at("validate", "sts:AssumeRole", "access denied"), "FAILED"),
    ("provision", "every answer is lost", INTERRUPTIONS["every answer is lost once"][0], "SUCCEEDED"),
    ("update", "killed", at("apply", "cloudformation:ExecuteChangeSet", "function killed"), "SUCCEEDED"),
    ("terminate", "broken", at("wait", "cloudformation:DescribeStacks", "answer broken"), "SUCCEEDED"),
]


@pytest.mark.parametrize(("operation", "fault", "disturb", "status"), CELLS)
def test_whatever_goes_wrong_is_answered_once_and_leaves_what_the_status_says(
    bench: Laboratory, operation: Operation, fault: str, disturb: Disturbance, status: str
) -> None:
    result = bench.run(operation, "", fault, disturb)
    assert (result.record, result.answers, result.defects) == (status, 1, ()), result.to_json()


def test_without_the_catch_all_a_failure_is_answered_by_the_rule(bench: Laboratory) -> None:
    """Other nets: test_interruptions.py; each of them with each fault: `make faults`."""
    operation, disturb = NET_FAULTS["the operation fails, its first report is refused"]
    gone = without(NETS["the catch-all of the states"], disturb)
    result = bench.run(operation, "", "no catch-all", gone)
    assert (result.record, result.answers, result.defects) == ("FAILED", 1, ()), result.to_json()


def test_nothing_is_left_of_any_of_them(bench: Laboratory) -> None:
    assert bench.leftovers() == []
