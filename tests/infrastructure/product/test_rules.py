"""cdk-nag's five rule packs over TapStack."""

import re
from pathlib import Path

import aws_cdk as cdk
import pytest

from tests.infrastructure import nag

REQUIREMENT = re.compile(r"\bR\d{1,2}\b")


@pytest.fixture(scope="module")
def app() -> cdk.App:
    return nag.tap_stack()


@pytest.fixture(scope="module")
def acknowledged(app: cdk.App) -> list[nag.Acknowledgement]:
    return nag.acknowledgements(app)


def test_every_finding_is_fixed_or_acknowledged(app: cdk.App) -> None:
    assert nag.findings(app) == []


def test_every_acknowledgement_names_the_requirement_that_stands_against_a_fix(
    acknowledged: list[nag.Acknowledgement],
) -> None:
    for one in acknowledged:
        assert REQUIREMENT.search(one.reason), one


def test_no_acknowledgement_is_without_a_finding(
    acknowledged: list[nag.Acknowledgement], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The packs report no finding that is acknowledged, so here none is.
    monkeypatch.setattr(cdk.Validations, "acknowledge", lambda *_: None)
    found = {(finding.path, finding.rule) for finding in nag.findings(nag.tap_stack())}
    for one in acknowledged:
        # An acknowledgement is about a construct, a finding about the resource in it.
        assert any(rule == one.rule and path.startswith(one.path) for path, rule in found), one


def test_the_template_is_the_same_whether_it_was_examined_or_not(product_template: object) -> None:
    assert "cdk_nag" not in str(product_template)
    assert not list(Path(__file__).parent.glob("*.NagReport*"))
