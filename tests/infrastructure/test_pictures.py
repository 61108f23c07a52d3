"""docs/develop/architecture.md draws what was synthesized."""

import re
from typing import Any

import pytest

from product_template.releasing import tables
from tests.infrastructure import pictures
from tests.support.documentation import ROOT

PAGE = (ROOT / "docs" / "develop" / "architecture.md").read_text()


def test_the_page_draws_the_engine_and_the_state_machine_as_they_are(catalog_template: Any) -> None:
    assert pictures.engine(catalog_template) in PAGE, "Run make docs"
    assert pictures.workflow(catalog_template) in PAGE, "Run make docs"


def test_the_page_draws_the_newest_version_of_the_product() -> None:
    assert pictures.product(tables.newest()[2]) in PAGE, "Run make docs"


@pytest.mark.parametrize("picture", re.findall(r"```mermaid\n(.*?)```", PAGE, flags=re.DOTALL))
def test_a_picture_is_small_enough_to_be_read_and_draws_every_box_once(picture: str) -> None:
    boxes = re.findall(r'^ +(\w+)[\[({>]+[/"]', picture, flags=re.MULTILINE)
    assert 5 < len(boxes) <= 20
    assert len(set(boxes)) == len(boxes)
    ends = re.findall(r"^ +(\w+) (?:--|-\.).*> (\w+)$", picture, flags=re.MULTILINE)
    assert {end for pair in ends for end in pair} - {"steps"} <= set(boxes)
