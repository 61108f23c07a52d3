"""`make faults`: every fault in every operation, in one process for each processor.

`python -m tests.long.faults.run WORD…` runs only cells with one of the words in their names, and `--share 25
--seed 7` a quarter of all, the same ones for the same seed; those with forged messages are always among them.
Neither writes a page.
What has come of a cell is kept in `build/` for as long as the code stays the same, so that a run that was
interrupted is taken up again.
"""

import argparse
import hashlib
import json
import multiprocessing
import os
import queue
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from tests.long.faults import table
from tests.long.faults.calls import FAULTS, disturbance, places
from tests.long.faults.interruptions import INTERRUPTIONS
from tests.long.faults.laboratory import OPERATIONS, Disturbance, Laboratory, Operation, laboratory
from tests.long.faults.nets import FAULTS as NET_FAULTS
from tests.long.faults.nets import NETS, without
from tests.support.catalog import synthesize

ROOT = Path(__file__).parents[3]
# A cell mostly waits: for a stack operation, or for the twenty seconds that a client waits for an answer.
THREADS = 6
# A result depends on these files.
CODE = (
    "lambdas",
    "catalog_stack",
    "product_template",
    "local_cloud",
    "tests/long/faults",
    "tests/e2e",
    "tests/support",
    "uv.lock",
)


class Cell(NamedTuple):
    """One fault in one operation."""

    operation: Operation
    place: str
    fault: str
    disturbance: Disturbance

    def __str__(self) -> str:
        return " · ".join(filter(None, (self.operation, self.place, self.fault)))


def cells_of_calls(laboratory: Laboratory) -> Iterator[Cell]:
    """Yield a cell for each call that the engine makes and each fault that can happen to it."""
    for operation in OPERATIONS:
        actors: set[str] = set()
        for place in places(laboratory, operation):
            for name, fault in FAULTS.items():
                if place.actor == "workflow" and not fault.by_workflow:
                    continue
                if name == "function out of time" and place.actor in actors:
                    continue  # once for each function: it does not matter which call it waited for
                yield Cell(operation, str(place), name, disturbance(place, fault))
            actors.add(place.actor)


def cells_of_operations() -> Iterator[Cell]:
    """Yield a cell for each interruption of a whole operation."""
    for name, (disturb, operations) in INTERRUPTIONS.items():
        for operation in operations:
            yield Cell(operation, "", name, disturb)


def cells_of_nets() -> Iterator[Cell]:
    """Yield a cell for each part of the safety net that is off and each fault that it would catch."""
    for gone, net in NETS.items():
        for name, (operation, disturb) in NET_FAULTS.items():
            yield Cell(operation, f"without {gone}", name, without(net, disturb))


def chosen(cell: Cell, words: list[str], share: int, seed: int) -> bool:
    """Whether a cell is to be run."""
    if words:
        return any(word in str(cell) for word in words)
    drawn = random.Random(f"{seed} {cell}").random() < share / 100
    return drawn or "forged" in cell.fault or "has ended" in cell.fault


def kept() -> Path:
    """Return the file that holds the results of this state of the code."""
    digest = hashlib.sha256()
    for name in CODE:
        files = [ROOT / name] if (ROOT / name).is_file() else sorted((ROOT / name).rglob("*.*"))
        for file in files:
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(f"{file.relative_to(ROOT)}\0".encode() + file.read_bytes())
    return ROOT / "build" / f"faults-{digest.hexdigest()[:16]}.jsonl"


def work(assembly: Path, number: int, workers: int, choice: Any, done: set[str], out: Any) -> None:
    """Run this worker's share of the cells that are not done, and put each result into `out`."""

    def mine(cells: Iterator[Cell]) -> list[tuple[int, Cell]]:
        numbered = enumerate(cells)
        wanted = [each for each in numbered if chosen(each[1], *choice)]
        return [each for each in wanted[number::workers] if str(each[1]) not in done]

    def run(numbered: tuple[int, Cell]) -> None:
        place, cell = numbered
        try:
            result = bench.run(cell.operation, cell.place, cell.fault, cell.disturbance)
            out.put({"number": place, **asdict(result)})
        except Exception as error:
            out.put({"broken": str(cell), "error": f"{type(error).__name__}: {error}"})

    with laboratory(assembly) as bench:
        whole = [*mine(cells_of_operations()), *mine(cells_of_nets())]
        out.put({"cells": len(whole)})
        # What CloudFormation is made to do wrong, it does to whoever comes first, and nets are there for
        # everybody: those one by one.
        for cell in whole:
            run(cell)
        of_calls = mine(cells_of_calls(bench))
        out.put({"cells": len(of_calls)})
        random.Random(0).shuffle(of_calls)  # launches give the products that the other operations need
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(run, of_calls))
        out.put({"leftovers": bench.leftovers()})


def main() -> int:
    """Run the cells, print each result, and write the page. Return how many results are wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*", help="only cells with one of these words in their names")
    parser.add_argument("--share", type=int, default=100, help="percent of the cells")
    parser.add_argument("--seed", type=int, default=0, help="which of them")
    arguments = parser.parse_args()
    words, choice = arguments.words, (arguments.words, arguments.share, arguments.seed)
    print(f"{arguments.share} percent of the cells, seed {arguments.seed}", flush=True)
    assembly = Path(tempfile.mkdtemp())
    synthesize(assembly)
    started, workers = time.monotonic(), os.cpu_count() or 1
    keep = kept()
    keep.parent.mkdir(exist_ok=True)
    keep.touch()
    found = {table.name(one): one for one in map(json.loads, keep.read_text().splitlines())}
    results = [one for one in found.values() if not one["defects"]]
    done = {table.name(one) for one in results}
    spawn = multiprocessing.get_context("spawn")
    out: Any = spawn.Queue()
    processes = [
        spawn.Process(target=work, args=(assembly, number, workers, choice, done, out))
        for number in range(workers)
    ]
    for process in processes:
        process.start()
    leftovers: list[str] = []
    broken, total, ended = 0, len(results), 0
    while ended < workers:
        try:
            news = out.get(timeout=10)
        except queue.Empty:
            if any(process.exitcode for process in processes):
                return 255
            continue
        if "cells" in news:
            total += news["cells"]
        elif "leftovers" in news:
            leftovers += news["leftovers"]
            ended += 1
        elif "broken" in news:
            broken += 1
            print(f"BROKEN  {news['broken']}: {news['error']}", flush=True)
        else:
            results.append(news)
            with keep.open("a") as lines:
                lines.write(json.dumps(news) + "\n")
            minutes = (time.monotonic() - started) / 60
            mark = "DEFECT" if news["defects"] else "ok"
            line = (
                f"{mark:7} {len(results)}/{total} {minutes:4.1f} min  {table.name(news)}: {table.cell(news)}"
            )
            details = [*news["defects"], *([news["reason"]] if words or news["defects"] else [])]
            print(line, *details, sep="\n        ", flush=True)
    for process in processes:
        process.join()
    results.sort(key=lambda one: int(one["number"]))
    for each in leftovers:
        print(f"LEFT    {each}")
    if not words and arguments.share == 100 and not broken:
        table.write(results, leftovers)
    return broken + len(leftovers) + sum(1 for one in results if one["defects"])


if __name__ == "__main__":
    sys.exit(min(main(), 255))
