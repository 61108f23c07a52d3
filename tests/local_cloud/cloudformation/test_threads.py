"""The resources of a stack are made at once: what the threads share is not torn."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest

from local_cloud.cloudformation.evaluation import Evaluation
from local_cloud.cloudformation.provider import Types
from local_cloud.cloudformation.stack import Specification, Stack, StackResource
from local_cloud.cloudformation.template import Template
from tests.support.cloudformation import template, topic

NAMES = [f"Topic{number}" for number in range(40)]


class _Topics:
    """Answers for any attribute that is asked for."""

    def attribute(self, _call: Any, physical_id: str, name: str, _properties: Any) -> str:
        return f"{name} of {physical_id}"


@pytest.fixture
def hasty_threads() -> Iterator[None]:
    """Threads that take turns after every few steps."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("hasty_threads")
def test_attributes_are_read_while_other_resources_change() -> None:
    specification = Specification(Template(template(**{name: topic() for name in NAMES})), {}, {})
    resources = {name: StackResource(name, "AWS::SNS::Topic", {}, physical_id=name.lower()) for name in NAMES}
    types = Types({"AWS::SNS::Topic": cast("Any", _Topics())}, cast("Any", None))
    stack = Stack("many", "id", specification, resources=resources)
    evaluation = Evaluation(types, stack, specification)
    resolve = evaluation.evaluator().resolve

    def change_and_read(name: str) -> set[str]:
        seen = set()
        for _ in range(100):
            evaluation.forget(name)
            seen.add(resolve({"Fn::GetAtt": [name, "TopicName"]}))
        return seen

    with ThreadPoolExecutor(len(NAMES)) as pool:
        seen = list(pool.map(change_and_read, NAMES))

    assert seen == [{f"TopicName of {name.lower()}"} for name in NAMES]
