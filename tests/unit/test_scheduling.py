"""Which module of tests a worker gets next."""

from collections import OrderedDict
from typing import Any

import pytest

from tests.support.scheduling import NearestFirst

MODULES = (
    "tests/e2e/answers/test_messages.py",
    "tests/e2e/test_updates.py",
    "tests/local_cloud/rds/test_instances.py",
    "tests/local_cloud/test_cloud.py",
    "tests/unit/test_apply.py",
)


class Worker:
    def send_runtest_some(self, _: list[int]) -> None:
        """Nothing is run."""


@pytest.fixture
def next_module(pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return which module a worker gets that was at the first of these, while the others are at theirs."""

    def given(*workers: str, left: tuple[str, ...] = MODULES) -> str:
        monkeypatch.setattr(pytestconfig.option, "tx", ["popen"] * len(workers))
        scheduler = NearestFirst(pytestconfig)
        scheduler.workqueue = OrderedDict((module, {}) for module in left)
        nodes = [Worker() for _ in workers]
        for node, last in zip(nodes, workers, strict=True):
            scheduler.registered_collections[node] = []
            scheduler.assigned_work[node] = OrderedDict({last: {}} if last else {})
        scheduler._assign_work_unit(nodes[0])
        [chosen] = set(left) - set(scheduler.workqueue)
        return chosen

    return given


def test_the_longest_comes_first(next_module: Any) -> None:
    assert next_module("", "", "", "") == MODULES[0]


def test_a_worker_stays_where_it_has_a_cloud(next_module: Any) -> None:
    assert next_module("tests/e2e/test_backups.py", "") == MODULES[0]
    assert next_module("tests/local_cloud/rds/test_exports.py", "") == MODULES[2]
    assert next_module("tests/local_cloud/test_door.py", "") == MODULES[2]


def test_a_worker_begins_where_no_other_is(next_module: Any) -> None:
    assert next_module("", "tests/e2e/test_backups.py") == MODULES[2]
    assert next_module("tests/workflow/test_workflow.py", MODULES[0], MODULES[2]) == MODULES[4]


def test_a_worker_that_has_nowhere_to_begin_helps_with_the_longest(next_module: Any) -> None:
    assert next_module("tests/unit/test_apply.py", MODULES[0], MODULES[3], left=MODULES[:4]) == MODULES[0]
