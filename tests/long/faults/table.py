"""docs/audit/faults.md: every fault, the operation that it happened to, and the result."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tests.long.faults.calls import FAULTS
from tests.long.faults.interruptions import INTERRUPTIONS
from tests.long.faults.laboratory import OPERATIONS
from tests.long.faults.nets import FAULTS as NET_FAULTS

PAGE = Path(__file__).parents[3] / "docs" / "audit" / "faults.md"
HEAD = """\
# What goes wrong, and what comes of it

`make faults` writes this page. It deploys the catalog into the local cloud, makes one thing go wrong in one
operation, and records the result: {count} cells. Faults happen where AWS would make them: an API answers
with an error, a connection is cut, a process is killed. No part of the engine is replaced.

A cell has the status of the record · the status of the provisioned product · what is left in the account ·
the answers that Service Catalog took · the seconds that the state machine ran, in AWS's time. Every cell must
show exactly one answer, and nothing left that the statuses and the reason do not explain. Every case ended
with a termination, which deletes what a stack holds.

- **S**, **F**: the record SUCCEEDED, FAILED. The product is AV: AVAILABLE, TA: TAINTED, ER: ERROR, or gone.
- *lifted*: the engine could answer only when the fault was over, and then did.
- A number in brackets: how many more times Service Catalog got the same answer, or refused a later one.
- ·: the fault cannot happen there. A function runs out of time at its first call only: any would do.

{verdict}
"""
SHORT = {
    "SUCCEEDED": "**S**",
    "FAILED": "**F**",
    "AVAILABLE": "AV",
    "TAINTED": "TA",
    "ERROR": "ER",
}


def write(results: Sequence[dict[str, Any]], leftovers: Sequence[str]) -> None:
    """Write the page."""
    PAGE.write_text(page(results, leftovers))


def page(results: Sequence[dict[str, Any]], leftovers: Sequence[str]) -> str:
    """Return the page for the results of a run."""
    broken = [one for one in results if one["defects"]]
    verdict = f"Of {len(results)} cells {len(broken)} show what must not be"
    verdict += (
        ":\n" + "".join(f"\n- {name(one)}: {'; '.join(one['defects'])}" for one in broken) if broken else "."
    )
    if leftovers:
        verdict += "\n\nLeft in the account when every product was terminated:\n" + "".join(
            f"\n- {each}" for each in leftovers
        )
    parts = [HEAD.format(count=len(results), verdict=verdict)]
    whole = [one for one in results if one["fault"] in INTERRUPTIONS and not one["place"]]
    cells = {(one["fault"], one["operation"]): one for one in whole}
    faults = [fault for fault in INTERRUPTIONS if any(one["fault"] == fault for one in whole)]
    parts.append("## Operations as a whole\n")
    parts.append(
        _table(
            ["", *OPERATIONS],
            ([fault, *(cell(cells.get((fault, operation))) for operation in OPERATIONS)] for fault in faults),
        )
    )
    for operation in OPERATIONS:
        of_calls = [one for one in results if one["operation"] == operation and one["fault"] in FAULTS]
        cells = {(one["place"], one["fault"]): one for one in of_calls}
        columns = [fault for fault in FAULTS if any(one["fault"] == fault for one in of_calls)]
        parts.append(f"\n## Calls of {operation}\n")
        parts.append(
            _table(
                ["", *columns],
                (
                    [f"`{place}`", *(cell(cells.get((place, column))) for column in columns)]
                    for place in dict.fromkeys(one["place"] for one in of_calls)
                ),
            )
        )
    parts.append("\n## Without one of the safety nets\n")
    of_nets = [one for one in results if one["place"].startswith("without ")]
    cells = {(one["place"], one["fault"]): one for one in of_nets}
    columns = [f"{fault} ({operation})" for fault, (operation, _) in NET_FAULTS.items()]
    gone = list(dict.fromkeys(one["place"] for one in of_nets))
    rows = ([place, *(cell(cells.get((place, fault))) for fault in NET_FAULTS)] for place in gone)
    parts.append(_table(["", *columns], rows))
    return "\n".join(parts) + "\n"


def name(one: dict[str, Any]) -> str:
    """Return the row and the column of a result."""
    return " · ".join(filter(None, (one["operation"], one["place"], one["fault"])))


def cell(one: dict[str, Any] | None) -> str:
    """Return the text of a cell of the table."""
    if one is None:
        return "·"
    left = one["left"].removeprefix("stack ").replace("_COMPLETE", "").replace("_", " ").lower()
    seconds = "no machine" if one["seconds"] is None else f"{one['seconds']} s"
    answers = f"{one['answers']}" + (f" ({one['repeated']})" if one["repeated"] else "")
    parts = [
        SHORT.get(one["record"], one["record"]),
        SHORT.get(one["product"], one["product"]),
        left,
        answers,
        seconds,
    ]
    return (
        " · ".join(parts)
        + (" · *lifted*" if one["lifted"] else "")
        + (" · **DEFECT**" if one["defects"] else "")
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
