"""The tables of the last measurement: files beside this one, which `make docs` puts into their page."""

from pathlib import Path

DIRECTORY = Path(__file__).parent / "measured"


def write(name: str, table: str) -> None:
    """Keep a table."""
    (DIRECTORY / f"{name}.md").write_text(f"{table}\n")


def read(name: str) -> str:
    """Return a table."""
    return (DIRECTORY / f"{name}.md").read_text()
