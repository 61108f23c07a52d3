"""What every layer of tests starts from: the synthesized app, once per run."""

import json
from pathlib import Path
from typing import Any

import pytest

from app import build
from catalog_stack.catalog import VERSIONS, version_files
from local_cloud.trust import ADMINISTRATOR

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cloud assembly that `cdk synth` writes, with the portfolio open to who calls the local cloud."""
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    context["catalog:principals"] = [ADMINISTRATOR]
    return Path(build(context=context, outdir=str(tmp_path_factory.mktemp("cdk.out"))).synth().directory)


@pytest.fixture(scope="session")
def catalog_template(assembly: Path) -> Any:
    return json.loads((assembly / "CatalogStack.template.json").read_text())


@pytest.fixture(scope="session")
def product_template() -> Any:
    newest = list(version_files(VERSIONS).values())[-1]
    return json.loads(newest.read_text())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep on one worker what shares a cloud: moto holds one per process, and deploying it again costs seconds."""
    shared = {"e2e", "workflow", "service_catalog", "privilege"}
    for item in items:
        path = item.path
        group = path.parent.name if path.parent.name in shared else str(path.relative_to(ROOT))
        item.add_marker(pytest.mark.xdist_group(group))
