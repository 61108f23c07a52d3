"""Which worker of pytest-xdist runs which module of tests."""

from itertools import takewhile
from typing import Any

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]  # pytest-xdist has no types


class NearestFirst(LoadScopeScheduling):  # type: ignore[misc]  # pytest-xdist has no types
    """Gives a worker the module that is nearest to its last one: starting a cloud or the CDK costs seconds.

    Where none is near, it gets one of a folder in which no other worker is, or else it helps another.
    pytest-xdist's own groups (`--dist loadgroup`) have no effect with pytest 9.2: it does not take their
    names into its node ids.
    """

    def _split_scope(self, nodeid: str) -> str:
        return nodeid.partition("::")[0]

    def _assign_work_unit(self, node: Any) -> None:
        last = {worker: next(reversed(modules), "") for worker, modules in self.assigned_work.items()}
        here = last.pop(node, "")

        def distance(module: str) -> tuple[int, bool]:
            return -_shared(module, here), any(_shared(module, other) for other in last.values())

        self.workqueue.move_to_end(min(self.workqueue, key=distance), last=False)
        super()._assign_work_unit(node)


def _shared(module: str, other: str) -> int:
    """Count the folders below tests/ that two modules are in."""
    folders = zip(module.split("/")[1:-1], other.split("/")[1:-1], strict=False)
    return len(list(takewhile(lambda pair: pair[0] == pair[1], folders)))
