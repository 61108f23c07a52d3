"""Fixtures for every layer of tests: the synthesized app, made once per run."""

import gc
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from product_template.releasing import released_versions
from tests.support import catalog
from tests.support.scheduling import NearestFirst

# What tests import is millions of objects that stay. Looking through them for garbage takes a tenth of a run.
gc.set_threshold(50_000, 20, 20)
# Before any handler is imported: its clients and its logger read these when they are made.
os.environ.update(
    AWS_ACCESS_KEY_ID="testing",
    AWS_SECRET_ACCESS_KEY="testing",
    AWS_DEFAULT_REGION="us-east-1",
    POWERTOOLS_SERVICE_NAME="tests",
    POWERTOOLS_METRICS_NAMESPACE="TapStackEngine",
    MOTO_EC2_LOAD_DEFAULT_AMIS="false",  # machine images, which no test needs, take half a second a test
)
# The same few examples in every run; `make hostile` tries ten thousand new ones, `make long` a tenth of that.
settings.register_profile("quick", max_examples=15, derandomize=True, deadline=None, database=None)
for profile, examples in (("thorough", 2000), ("tenth", 200)):
    settings.register_profile(
        profile,
        max_examples=examples,
        deadline=None,
        database=None,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )
settings.load_profile("quick")


@pytest.fixture(scope="session")
def assembly() -> Path:
    """The cloud assembly that `cdk synth` writes, with versions of tests beside those that were released."""
    return catalog.assembly()


@pytest.fixture(scope="session")
def catalog_template(assembly: Path) -> Any:
    return json.loads((assembly / "CatalogStack.template.json").read_text())


@pytest.fixture(scope="session")
def product_template() -> Any:
    """The newest version with PostgreSQL 14, which is what was asked for (R10)."""
    versions = released_versions.templates()
    return versions[released_versions.newest(1, versions)]


TESTS = Path(__file__).parent
# What takes longest comes first, so that no worker has it alone at the end.
ORDER = (
    "e2e/answers/test_forged_messages.py",
    "e2e/test_upgrades.py",
    "e2e",
    "infrastructure",
    "workflow",
    "local_cloud",
    "runbooks",
    "unit",
    "privilege",
    "long",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the tests as ORDER says.

    Raises:
        UsageError: ORDER names what there is no more, or lacks a folder.
    """
    if gone := [place for place in ORDER if not (TESTS / place).exists()]:
        raise pytest.UsageError(f"ORDER in tests/conftest.py names what is not there: {', '.join(gone)}")

    def place(item: pytest.Item) -> int:
        for number, first in enumerate(ORDER):
            if item.path.is_relative_to(TESTS / first):
                return number
        raise pytest.UsageError(f"ORDER in tests/conftest.py has no place for {item.path.relative_to(TESTS)}")

    items.sort(key=place)


def pytest_collection_finish() -> None:
    """Take out of the collector's sight what stays until the end: all that was imported."""
    gc.freeze()


def pytest_unconfigure() -> None:
    """Freeze what is left: otherwise pytest collects garbage five times at the end, for seconds."""
    gc.freeze()


def pytest_xdist_auto_num_workers() -> int:
    """One worker more than processors, as tests also wait; not many, as each deploys a catalog of its own."""
    return min((os.cpu_count() or 1) + 1, 6)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> NearestFirst:
    return NearestFirst(config, log)
