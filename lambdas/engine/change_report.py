"""The changes that an update has made, as text for people."""

from __future__ import annotations

from collections.abc import Iterable

from engine.models import Change

_VERBS = {"Modify": "changed", "Remove": "removed", "Leave": "left behind", "Add": "added"}


def by_verb(changes: Iterable[Change]) -> dict[str, list[str]]:
    """Return the changed resources with their properties, by what happened to them, such as "changed".

    "left behind" comes first, because somebody has to delete these resources. "added" comes last, because it
    is the longest list, and readers miss least if it is cut.
    """
    verbs = ("left behind", "changed", "replaced", "removed", "added")
    groups: dict[str, list[str]] = {verb: [] for verb in verbs}
    for change in changes:
        verb = "replaced" if change.replacement == "True" else _VERBS[change.action]
        names = f" ({', '.join(change.properties)})" if change.properties else ""
        groups[verb].append(f"{change.logical_id}{names}")
    return {verb: sorted(resources) for verb, resources in groups.items() if resources}
