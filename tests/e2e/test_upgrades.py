"""R5: a product is upgraded by its version, and ends without a trace."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any

import pytest
from engine.stacks import HOLD_DATA

from local_cloud.cloud import Cloud
from product_template.releasing.version import Version
from tests.support.inventory import inventory
from tests.support.launches import Catalog, outputs, product_of, reason
from tests.support.versions import ALL, LATER, NEWEST, OLDEST, RELEASES

STEP_BY_STEP = [version for number, version in enumerate(ALL) if version >= max([*ALL][: number + 1])]
# Upgrades that skip versions go to the newest released ones.
SKIPS = [
    (old, new) for old, new in combinations((OLDEST, *RELEASES), 2) if old < new and new in NEWEST.values()
]
ROUTES = [
    tuple(STEP_BY_STEP),
    (NEWEST[1], LATER[1], LATER[2]),
    *(pair for pair in SKIPS if pair not in set(pairwise(STEP_BY_STEP))),
]
UPGRADES = [pair for route in ROUTES for pair in pairwise(route)]
# RDS keeps the password, in a secret that is no resource of the stack.
HELD_BY_THE_STACK = HOLD_DATA.keys() - {"AWS::SecretsManager::Secret"}


@dataclass(frozen=True)
class Upgrade:
    """One update of a product to a later version."""

    record: dict[str, Any]
    held_before: set[tuple[str, str, str]]
    held_after: set[tuple[str, str, str]]


@dataclass(frozen=True)
class Lives:
    upgrades: dict[tuple[Version, Version], Upgrade]
    left: set[str]


@pytest.fixture(scope="module")
def lives(cloud: Cloud, catalog: Catalog) -> Lives:
    """One product that is upgraded from version to version, and one for each upgrade that skips some."""
    quotas = dict(cloud.quotas)
    cloud.quotas.update(dict.fromkeys(quotas, 100.0))
    before = inventory(cloud)
    with ThreadPoolExecutor(len(ROUTES)) as pool:
        networks = [f"10.{number}.0.0/16" for number in range(100, 100 + len(ROUTES))]
        upgrades = [*pool.map(lambda *each: _live(cloud, catalog, *each), ROUTES, networks)]
    cloud.quotas.update(quotas)
    return Lives({key: one for some in upgrades for key, one in some.items()}, inventory(cloud) - before)


def _live(
    cloud: Cloud, catalog: Catalog, route: tuple[Version, ...], network: str
) -> dict[tuple[Version, Version], Upgrade]:
    """Launch a product of the first version, update it to the others in turn, and terminate it."""
    suffix = f"upgraded-{network.split('.')[1]}"
    versions = [catalog.offering(version) for version in route]
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


def _inputs(version: Version) -> dict[str, str | None]:
    """Return the inputs: all keep their values, new ones have their defaults, and consents are given."""
    declared = ALL[version]["Parameters"]
    inputs = dict.fromkeys(declared)
    if consent := declared.get("AllowMajorVersionUpgrade"):
        inputs["AllowMajorVersionUpgrade"] = consent["AllowedValues"][-1]
    return inputs


@pytest.mark.parametrize(("old", "new"), UPGRADES, ids=[f"{old}-to-{new}" for old, new in UPGRADES])
def test_every_version_is_upgraded_to_the_next_and_to_the_newest_and_keeps_what_holds_data(
    lives: Lives, old: Version, new: Version
) -> None:
    upgrade = lives.upgrades[old, new]
    assert upgrade.record["RecordDetail"]["Status"] == "SUCCEEDED", reason(upgrade.record)
    assert {kind for kind, _, _ in upgrade.held_before} == HELD_BY_THE_STACK
    assert upgrade.held_before <= upgrade.held_after
    if old.major != new.major:
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
        if resource["ResourceType"] in HELD_BY_THE_STACK
    }
