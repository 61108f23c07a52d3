"""What five rule packs of cdk-nag say about the catalog, in the hub's account and in others."""

import json
from pathlib import Path

import aws_cdk as cdk
import pytest

from app import build
from tests.infrastructure.nag import acknowledgements, findings

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> cdk.App:
    """The app with everything that a setting can add, without bundling the functions' code."""
    flags = json.loads((ROOT / "cdk.json").read_text())["context"]
    settings = {
        "aws:cdk:bundling-stacks": [],
        "catalog:hubAccount": "111122223333",
        "catalog:provisioningAccounts": ["444455556666"],
        "catalog:alarmEmail": "platform@example.com",
    }
    return build(context=flags | settings, outdir=str(tmp_path_factory.mktemp("rules")))


def test_no_rule_finds_anything_that_is_not_acknowledged(app: cdk.App) -> None:
    assert findings(app) == []


def test_every_acknowledgement_names_the_requirement_it_conflicts_with(app: cdk.App) -> None:
    assert [each for each in acknowledgements(app) if not each.reason.startswith("R")] == []
