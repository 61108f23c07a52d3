"""The generated tables show the newest versions."""

import pytest

from product_template.releasing import tables
from tests.support.documentation import ROOT

FIRST = tables.newest()[1]


@pytest.mark.parametrize(
    ("page", "table"),
    [
        ("product", tables.parameters(tables.newest())),
        ("product", tables.outputs(FIRST)),
        ("alarms", tables.alarms(FIRST)),
    ],
    ids=["parameters", "outputs", "alarms"],
)
def test_every_page_says_what_the_newest_versions_do(page: str, table: str) -> None:
    assert table in (ROOT / "docs" / "use" / f"{page}.md").read_text(), "Run make docs"


def test_a_parameter_that_one_line_has_says_in_which() -> None:
    rows = tables.parameters(tables.newest()).splitlines()
    assert any(row.startswith("| `AllowMajorVersionUpgrade` (2.x) | `none` |") for row in rows)
    assert any(row.startswith("| `EngineLifecycleSupport` | ") for row in rows)


def test_both_lines_have_the_same_alarms_and_outputs() -> None:
    first, second = tables.newest().values()
    assert tables.alarms(first) == tables.alarms(second)
    assert tables.outputs(first) == tables.outputs(second)


def test_a_cell_cannot_break_its_table() -> None:
    assert tables.table(["a"], [["x | y"]]) == "| a |\n| --- |\n| x \\| y |"
