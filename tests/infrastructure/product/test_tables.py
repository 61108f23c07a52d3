"""The generated tables are those that follow from the newest versions."""

from product_template.releasing import tables


def test_every_page_says_what_the_newest_versions_do() -> None:
    for page, text in tables.pages(tables.newest()).items():
        assert page.read_text() == text, "Run make docs"


def test_a_parameter_that_one_line_has_says_in_which() -> None:
    rows = tables.parameters(tables.newest()).splitlines()
    assert any(row.startswith("| `AllowMajorVersionUpgrade` (2.x) | `none` |") for row in rows)
    assert any(row.startswith("| `EngineLifecycleSupport` | ") for row in rows)


def test_both_lines_have_the_same_alarms_and_outputs() -> None:
    first, second = tables.newest().values()
    assert tables.alarms(first) == tables.alarms(second)
    assert tables.outputs(first) == tables.outputs(second)


def test_a_page_keeps_what_its_author_wrote() -> None:
    page = "# Title\n\n<!-- x: written by make docs -->\n\nold\n\n<!-- end of x -->\n\nThe end.\n"
    filled = tables.fill(page, "x", "new")
    assert filled == page.replace("old", "new")
    assert tables.fill(filled, "x", "new") == filled


def test_a_cell_cannot_break_its_table() -> None:
    assert tables.table(["a"], [["x | y"]]) == "| a |\n| --- |\n| x \\| y |"
