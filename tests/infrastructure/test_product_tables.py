"""The generated tables are those that follow from the newest version."""

from typing import Any

from product_template import tables


def test_every_page_says_what_the_newest_version_does(product_template: dict[str, Any]) -> None:
    for page, text in tables.pages(product_template).items():
        assert page.read_text() == text, "Run make docs"


def test_a_page_keeps_what_its_author_wrote() -> None:
    page = "# Title\n\n<!-- x: written by make docs -->\n\nold\n\n<!-- end of x -->\n\nThe end.\n"
    filled = tables.fill(page, "x", "new")
    assert filled == page.replace("old", "new")
    assert tables.fill(filled, "x", "new") == filled


def test_a_cell_cannot_break_its_table() -> None:
    assert tables.table(["a"], [["x | y"]]) == "| a |\n| --- |\n| x \\| y |"


def test_the_newest_version_is_that_of_the_highest_number(product_template: dict[str, Any]) -> None:
    assert tables.newest() == product_template
