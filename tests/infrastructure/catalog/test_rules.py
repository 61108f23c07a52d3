"""What five rule packs of cdk-nag say about the catalog, in the hub's account and in others."""

import aws_cdk as cdk
import pytest

from tests.infrastructure import nag
from tests.infrastructure.nag import acknowledgements, findings


@pytest.fixture(scope="module")
def app() -> cdk.App:
    return nag.catalog()


def test_no_rule_finds_anything_that_is_not_acknowledged(app: cdk.App) -> None:
    assert findings(app) == []


def test_every_acknowledgement_names_the_requirement_it_conflicts_with(app: cdk.App) -> None:
    assert [each for each in acknowledgements(app) if not each.reason.startswith("R")] == []


def test_the_page_lists_what_stays_in_both_stacks(app: cdk.App) -> None:
    page = nag.ROOT / "docs" / "audit" / "acknowledgements.md"
    assert nag.table(nag.tap_stack(), app) in page.read_text(), "Run make docs"
