"""Fixtures for every layer of tests: the synthesized app, made once per run."""

import gc
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from product_template.releasing import released_versions
from tests.support import catalog

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


# Folders that stay on one worker come first, the longest at the head. Small modules then fill both workers.
FOLDERS = ("e2e", "infrastructure", "workflow", "local_cloud", "runbooks", "unit")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the tests by their folders."""

    def place(item: pytest.Item) -> int:
        folder = item.path.relative_to(Path(__file__).parent).parts[0]
        return FOLDERS.index(folder) if folder in FOLDERS else len(FOLDERS)

    items.sort(key=place)


def pytest_unconfigure() -> None:
    """Freeze what is left: otherwise pytest collects garbage five times at the end, for seconds."""
    gc.freeze()


class CloudScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Keeps tests that share a cloud, the CDK or servers on one worker: each start costs seconds.

    pytest-xdist's own groups (`--dist loadgroup`) have no effect with pytest 9.2: it does not take their
    names into its node ids.
    """

    def _split_scope(self, nodeid: str) -> str:
        path = Path(nodeid.partition("::")[0])
        shares = path.parent.name in (
            "e2e", "answers", "infrastructure", "workflow", "service_catalog", "cloudformation", "privilege",
            "runbooks",
        )  # fmt: skip
        return path.parent.name if shares else str(path)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> CloudScheduling:
    return CloudScheduling(config, log)
