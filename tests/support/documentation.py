"""The blocks of README and docs/ that readers paste."""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
_FENCED = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A fenced block.

    Attributes:
        page: its page, relative to the repository.
        heading: the heading that it stands under.
        text: what is between the fences, without their indentation.
    """

    page: str
    heading: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}, {self.heading}: {self.text.strip().splitlines()[0]}"


def blocks(*languages: str) -> list[Block]:
    """Return the fenced blocks of these languages, in the order of pages and lines."""
    found = []
    for page in PAGES:
        text = page.read_text()
        for match in _FENCED.finditer(text):
            if match[2] in languages:
                headings = re.findall(r"^#+ (.*)$", text[: match.start()], re.MULTILINE)
                inside = re.sub(f"^{match[1]}", "", match[3], flags=re.MULTILINE)
                found.append(Block(str(page.relative_to(ROOT)), headings[-1], inside))
    return found


def under(page: str, heading: str, *languages: str) -> list[str]:
    """Return the texts of the blocks under a heading, at least one."""
    found = [block.text for block in blocks(*languages) if (block.page, block.heading) == (page, heading)]
    assert found, f"{page} has no such block under {heading}"
    return found
