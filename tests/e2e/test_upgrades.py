"""R5: a product is upgraded by its version, and ends without a trace."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any

import pytest

from local_cloud.cloud import Cloud
from product_template import released
from product_template.lines import LINES
from product_template.released import Version
from tests.e2e.account import inventory
from tests.e2e.conftest import Catalog, outputs, product_of, reason

TEMPLATES = released.templates()
VERSIONS = {str(version): template for version, template in TEMPLATES.items()}
# In the order of their releases: 2.0.0 came before 1.3.0, which nobody updates to it.
RELEASES = [Version.parse(name.removesuffix(released.SUFFIX)) for name in released.digests()]
STEP_BY_STEP = [
    str(version) for number, version in enumerate(RELEASES) if version >= max(RELEASES[: number + 1])
]
# What skips versions goes to those that are not deprecated.
NEWEST = [released.newest(number, TEMPLATES) for number in LINES]
SKIPS = [(str(old), str(new)) for old, new in combinations(RELEASES, 2) if old < new and new in NEWEST]
UPGRADES = list(dict.fromkeys([*pairwise(STEP_BY_STEP), *SKIPS]))
HOLDS_DATA = {"AWS::RDS::DBInstance", "AWS::KMS::Key", "AWS::S3::Bucket"}


@dataclass(frozen=True)
class Upgrade:
    """One update of a product to a later version."""

    record: dict[str, Any]
    held_before: set[tuple[str, str, str]]
    held_after: set[tuple[str, str, str]]


@dataclass(frozen=True)
class Lives:
    upgrades: dict[tuple[str, str], Upgrade]
    left: set[str]


@pytest.fixture(scope="module")
def lives(cloud: Cloud, catalog: Catalog) -> Lives:
    """One product that goes from version to version, and one for each upgrade that skips some."""
    routes = [tuple(STEP_BY_STEP), *(pair for pair in SKIPS if pair not in set(pairwise(STEP_BY_STEP)))]
    quotas = dict(cloud.world.quotas)
    cloud.world.quotas.update(dict.fromkeys(quotas, 100.0))
    before = inventory(cloud)
    with ThreadPoolExecutor(len(routes)) as pool:
        networks = [f"10.{number}.0.0/16" for number in range(100, 100 + len(routes))]
        upgrades = [*pool.map(lambda *each: _live(cloud, catalog, *each), routes, networks)]
    cloud.world.quotas.update(quotas)
    return Lives({key: one for some in upgrades for key, one in some.items()}, inventory(cloud) - before)


def _live(
    cloud: Cloud, catalog: Catalog, route: tuple[str, ...], network: str
) -> dict[tuple[str, str], Upgrade]:
    """Launch a product of the first version, update it to the others in turn, and terminate it."""
    suffix = "u" + "-".join(name.replace(".", "") for name in route)
    versions = [catalog.offering(name) for name in route]
    inputs = {"EnvironmentSuffix": suffix, "OpsEmails": "a@example.com", "VpcCidr": network}
    launched = versions[0].provision(suffix, **inputs)
    assert launched["RecordDetail"]["Status"] == "SUCCEEDED", reason(launched)
    product = product_of(launched)
    upgrades = {}
    for (old, new), version in zip(pairwise(route), versions[1:], strict=True):
        before = _holding_data(cloud, product)
        record = version.update(product, **_inputs(new))
        upgrades[old, new] = Upgrade(record, before, _holding_data(cloud, product))
    ended = catalog.terminate(product)
    assert ended["RecordDetail"]["Status"] == "SUCCEEDED", reason(ended)
    return upgrades


def _inputs(version: str) -> dict[str, str | None]:
    """Keep all inputs, those too that are new in the version, and consent to what it asks consent for."""
    declared = VERSIONS[version]["Parameters"]
    inputs = dict.fromkeys(declared)
    if consent := declared.get("AllowMajorVersionUpgrade"):
        inputs["AllowMajorVersionUpgrade"] = consent["AllowedValues"][-1]
    return inputs


@pytest.mark.parametrize(("old", "new"), UPGRADES)
def test_every_version_is_upgraded_to_the_next_and_to_the_newest_and_keeps_what_holds_data(
    lives: Lives, old: str, new: str
) -> None:
    upgrade = lives.upgrades[old, new]
    assert upgrade.record["RecordDetail"]["Status"] == "SUCCEEDED", reason(upgrade.record)
    assert {kind for kind, _, _ in upgrade.held_before} == HOLDS_DATA
    assert upgrade.held_before <= upgrade.held_after
    if old[0] != new[0]:
        assert "DatabaseInstance" in outputs(upgrade.record)["Changes"]


def test_the_end_of_upgraded_products_leaves_nothing(lives: Lives) -> None:
    assert lives.left == set()


def _holding_data(cloud: Cloud, product: str) -> set[tuple[str, str, str]]:
    pages = (
        cloud.client("cloudformation")
        .get_paginator("list_stack_resources")
        .paginate(StackName=f"TapStack-{product}")
    )
    return {
        (resource["ResourceType"], resource["LogicalResourceId"], resource["PhysicalResourceId"])
        for page in pages
        for resource in page["StackResourceSummaries"]
        if resource["ResourceType"] in HOLDS_DATA
    }
