"""README, docs/ and the pages beside the code: their links lead somewhere, and the README stays short."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from product_template.releasing import released_versions
from tests.support.documentation import ROOT

PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(
            page
            for folder in ("docs", "local_cloud", "tests")
            for page in (ROOT / folder).rglob("*.md")
            if "node_modules" not in page.parts
        ),
    ]
)
CODE = re.compile(r"^( *)```.*?^\1```$|`[^`\n]*`", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^()\s]+)\)")


def test_the_readme_is_read_in_one_sitting() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_to_a_file_and_to_a_heading_in_it(page: Path) -> None:
    assert [link for link in _links(page) if not _leads_somewhere(page, link)] == []


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.name == "README.md"], ids=lambda page: str(page.relative_to(ROOT))
)
def test_every_file_that_a_page_beside_the_code_names_is_there(page: Path) -> None:
    named = re.findall(r"`([\w-]+(?:/[\w-]+)*\.(?:py|mjs|json))`", page.read_text())
    assert [name for name in named if not (list(page.parent.rglob(name)) or (ROOT / name).exists())] == []


def test_what_mails_of_released_versions_name_is_there() -> None:
    # A released template never changes, so a page that it names must stay where it is.
    named = {
        found
        for template in released_versions.templates().values()
        for resource in template["Resources"].values()
        for found in re.findall(r"docs/\S+", resource["Properties"].get("AlarmDescription", ""))
    }
    assert len(named) == 27
    assert [link for link in named if not _leads_somewhere(ROOT / "README.md", link)] == []


def _links(page: Path) -> Iterator[str]:
    for link in LINK.findall(CODE.sub("", page.read_text())):
        if "://" not in link:
            yield link


def _leads_somewhere(page: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    return target.exists() and (not anchor or anchor in _anchors(target))


@cache
def _anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    text = re.sub(r"^( *)```.*?^\1```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    anchors: set[str] = set()
    for heading in re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE):
        shown = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
        anchor = re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")
        assert anchor not in anchors, f"{page}: two headings with the anchor {anchor}"
        anchors.add(anchor)
    return anchors
