"""What an update has changed, for people."""

from __future__ import annotations

from collections.abc import Iterable

from engine.models import Change

_VERBS = {"Modify": "changed", "Remove": "removed", "Leave": "left behind", "Add": "added"}


def by_verb(changes: Iterable[Change]) -> dict[str, list[str]]:
    """Return the resources under what became of them, each with its properties.

    What could not be deleted comes first, since somebody has to; what was added comes last: it is the longest
    list, and the one that can best be cut.
    """
    verbs = ("left behind", "changed", "replaced", "removed", "added")
    groups: dict[str, list[str]] = {verb: [] for verb in verbs}
    for change in changes:
        verb = "replaced" if change.replacement == "True" else _VERBS[change.action]
        names = f" ({', '.join(change.properties)})" if change.properties else ""
        groups[verb].append(f"{change.logical_id}{names}")
    return {verb: sorted(resources) for verb, resources in groups.items() if resources}
