"""What an update has changed, for people."""

from __future__ import annotations

from collections.abc import Iterable

from engine.models import Change

_VERBS = {"Modify": "changed", "Remove": "removed", "Add": "added"}


def by_verb(changes: Iterable[Change]) -> dict[str, list[str]]:
    """Return the resources under "changed", "replaced", "removed" and "added", each with its properties.

    What was added comes last: it is the longest list, and the one that can best be cut.
    """
    groups: dict[str, list[str]] = {verb: [] for verb in ("changed", "replaced", "removed", "added")}
    for change in changes:
        verb = "replaced" if change.replacement == "True" else _VERBS[change.action]
        names = f" ({', '.join(change.properties)})" if change.properties else ""
        groups[verb].append(f"{change.logical_id}{names}")
    return {verb: sorted(resources) for verb, resources in groups.items() if resources}
