"""The tables in docs/ are those that follow from the newest version."""

from pathlib import Path
from typing import Any

import pytest

from product_template import tables


@pytest.mark.parametrize("name", ["alarms", "outputs", "parameters"])
def test_a_page_says_what_the_newest_version_does(product_template: dict[str, Any], name: str) -> None:
    page = tables.DOCS / f"{name}.md"
    written = tables.pages(product_template)[page]
    assert page.read_text() == written, "Run python -m product_template.tables"


def test_a_page_keeps_what_its_author_wrote(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# Title\n\n{tables.BEGIN}\n\nold\n\n{tables.END}\n\nThe end.\n")
    page.write_text(tables.fill(page, "new"))
    assert page.read_text() == f"# Title\n\n{tables.BEGIN}\n\nnew\n\n{tables.END}\n\nThe end.\n"
    assert tables.fill(page, "new") == page.read_text()


def test_a_cell_cannot_break_its_table() -> None:
    assert tables.table(["a"], [["x | y"]]) == "| a |\n| --- |\n| x \\| y |"


def test_the_newest_version_is_that_of_the_highest_number(product_template: dict[str, Any]) -> None:
    assert tables.newest() == product_template
