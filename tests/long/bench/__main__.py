"""Measure the engine for docs/develop/benchmarks.md: `make bench` for one launch, `make load` for bursts."""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from app import build
from product_template.releasing.tables import table

from . import burst, launch, measured, package, waiting

ROOT = Path(__file__).parents[3]


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--burst", type=int, nargs="*", help="operations in a burst, instead of the rest")
    parser.add_argument("--before", help="a commit: what people wait for then and now, instead of the rest")
    arguments = parser.parse_args()
    console, bursts = Console(), arguments.burst
    if arguments.before:
        measured.write("development", waiting.measure(console, arguments.before))
        return
    if bursts is None:
        measured.write("launch", launch.measure(console))
        with TemporaryDirectory() as directory:
            build(context=json.loads((ROOT / "cdk.json").read_text())["context"], outdir=directory).synth()
            code = package.directory(Path(directory))
            measured.write("package", package.sizes(code))
            with console.status("Importing"):
                measured.write("imports", package.imports(code))
        return
    rows = []
    for operations in bursts:
        for throttled in (0.0, 0.1):
            done = burst.measure(console, operations, throttled)
            rows.append(_row(done))
            console.print(" · ".join(rows[-1]), *done.answered_wrongly, sep="\n")
            measured.write("load", table(_HEAD, rows))


_HEAD = [
    "operations",
    "calls throttled",
    "accepted",
    "answered",
    "of these wrongly",
    "lost",
    "duplicated",
    "heard again",
    "message to first sign of CloudFormation, median / p99",
    "stack's end to answer, median / p99",
    "wrong launch to refusal, median / p99",
    "all answered after",
]


def _row(done: burst.Burst) -> list[str]:
    return [
        str(done.operations),
        f"{done.refused} ({done.throttled:.0%})",
        str(done.accepted),
        str(done.answered),
        str(len(done.answered_wrongly)),
        str(done.lost),
        str(done.duplicated),
        str(done.heard_again),
        _spread(done.until_call),
        _spread(done.until_answer),
        _spread(done.until_refusal),
        f"{done.seconds:.0f} s",
    ]


def _spread(seconds: Sequence[float]) -> str:
    return f"{statistics.median(seconds):.1f} / {statistics.quantiles(seconds, n=100)[98]:.1f} s"


if __name__ == "__main__":
    main()
