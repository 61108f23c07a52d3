"""Stack operations: in which order they handle resources, how they roll back and clean up."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import TopologicalSorter

from .failures import FAILURES
from .policy import PolicyDeniedError, check_allowed
from .resources import ResourceHandler
from .stack import Specification, Stack, StackResource, Undo, now

log = logging.getLogger(__name__)
_WORKERS = 16


def _in_order(
    graph: Mapping[str, set[str]], work: Callable[[str], bool], stop: Callable[[], bool]
) -> list[str]:
    """Do `work` on each node after its dependencies, in parallel where it can. Returns the nodes that failed.

    It leaves out what depends on a failed node, and starts no more work once `stop` returns true.
    """
    sorter = TopologicalSorter(graph)
    sorter.prepare()
    failed: list[str] = []
    running: dict[Future[bool], str] = {}
    with ThreadPoolExecutor(_WORKERS) as pool:
        while True:
            if not stop():
                running |= {pool.submit(work, node): node for node in sorter.get_ready()}
            if not running:
                return failed
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                node = running.pop(future)
                if future.result():
                    sorter.done(node)
                else:
                    failed.append(node)


def _reverse(graph: Mapping[str, set[str]], members: set[str]) -> dict[str, set[str]]:
    """Turn "depends on" into "is a dependency of", the order in which to delete."""
    reverse: dict[str, set[str]] = {name: set() for name in members}
    for name in members:
        for dependency in graph.get(name, set()) & members:
            reverse[dependency].add(name)
    return reverse


def _names(logical_ids: list[str]) -> str:
    return f"[{', '.join(sorted(logical_ids))}]"


class StackOperation:
    """One stack operation; its methods run in the operation's thread.

    `handler` works towards the specification that the stack shall have after the operation.
    """

    def __init__(
        self, handler: ResourceHandler, handler_for: Callable[[Specification], ResourceHandler]
    ) -> None:
        self.handler, self.handler_for = handler, handler_for
        self.stack: Stack = handler.stack

    def create(self) -> None:
        """Create all resources. If one fails, do what the stack's on_failure says."""
        stack = self.stack
        failed = self._advance(self.handler.evaluation.active(), self.handler.create)
        if not failed and stack.status != "DELETE_IN_PROGRESS":
            failed = self._outputs()
        reason = f"The following resource(s) failed to create: {_names(failed)}. "
        with stack.turn:
            if stack.status == "DELETE_IN_PROGRESS":
                return
            if not failed:
                stack.set_status("CREATE_COMPLETE")
                return
            if stack.on_failure == "DO_NOTHING":
                stack.set_status("CREATE_FAILED", reason)
                return
            verb = "DELETE" if stack.on_failure == "DELETE" else "ROLLBACK"
            stack.set_status(f"{verb}_IN_PROGRESS", f"{reason}{verb.capitalize()} requested by user.")
        self._remove_everything(verb, ())

    def _outputs(self) -> list[str]:
        try:
            self.stack.outputs = self.handler.evaluation.outputs()
        except FAILURES as error:
            log.warning("Outputs of %s: %s", self.stack.name, error)
            return ["Outputs"]
        return []

    def _advance(self, graph: Mapping[str, set[str]], work: Callable[[str], bool]) -> list[str]:
        cancelled = self.stack.cancelled

        def step(logical_id: str) -> bool:
            if work(logical_id):
                return True
            cancelled.set()
            return False

        failed = _in_order(graph, step, cancelled.is_set)
        if self.stack.status != "DELETE_IN_PROGRESS":
            cancelled.clear()
        return [name for name in failed if "cancelled" not in self.stack.resources[name].reason] or failed

    def delete(self, retained: tuple[str, ...]) -> None:
        """Delete all resources except `retained`. The stack's status is DELETE_IN_PROGRESS already."""
        self._remove_everything("DELETE", retained)

    def _remove_everything(self, verb: str, retained: tuple[str, ...]) -> None:
        stack = self.stack
        for name in retained:
            stack.set_resource_status(stack.resources[name], "DELETE_SKIPPED")
        resources = [
            item
            for item in stack.resources.values()
            if item.status not in ("DELETE_COMPLETE", "DELETE_SKIPPED")
        ]
        dependencies = dict(self.handler.specification.template.dependencies)
        if stack.undo:
            # An update's rollback failed: also delete the resources that it made, and those they replace.
            resources += stack.undo.leftovers(stack.resources.values())
            for name, needs in stack.undo.abandoned.template.dependencies.items():
                dependencies[name] = dependencies.get(name, set()) | needs
        failed = self._remove(resources, dependencies)
        if failed:
            stack.set_status(
                f"{verb}_FAILED", f"The following resource(s) failed to delete: {_names(failed)}. "
            )
            return
        if verb == "DELETE":
            stack.deleted = now()
        stack.set_status(f"{verb}_COMPLETE")

    def _remove(self, resources: list[StackResource], dependencies: Mapping[str, set[str]]) -> list[str]:
        """Delete resources before those that they depend on; several may have the same logical id."""
        by_name: dict[str, list[StackResource]] = {}
        for resource in resources:
            by_name.setdefault(resource.logical_id, []).append(resource)
        graph = _reverse(dependencies, set(by_name))
        return _in_order(
            graph,
            lambda name: not [item for item in by_name[name] if not self.handler.delete(item)],
            lambda: False,
        )

    def update(self, *, disable_rollback: bool) -> None:
        """Update the stack to the handler's specification. If a resource fails, roll back."""
        stack = self.stack
        assert stack.specification is not None
        undo = stack.undo = Undo(stack.specification, self.handler.specification)
        graph = self.handler.evaluation.active()
        removed = [item for name, item in stack.resources.items() if name not in graph]
        failed = self._check_removal(removed) or self._advance(
            graph, lambda name: self._update_resource(name, undo)
        )
        if not failed:
            stack.specification = self.handler.specification
            failed = self._outputs()
        if not failed:
            stack.set_status("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
            self._clean_up(removed, undo)
            return
        reason = f"The following resource(s) failed to update: {_names(failed)}. "
        if disable_rollback:
            stack.undo = None
            stack.specification = self.handler.specification
            stack.set_status("UPDATE_FAILED", reason)
            return
        stack.set_status("UPDATE_ROLLBACK_IN_PROGRESS", reason)
        self.roll_back(())

    def _update_resource(self, logical_id: str, undo: Undo) -> bool:
        if logical_id in self.stack.resources:

            def replaced(before: StackResource) -> None:
                undo.replaced.append(before)
                undo.made.append(self.stack.resources[logical_id])

            return self.handler.update(
                logical_id, replaced, lambda before: undo.resources.__setitem__(logical_id, before)
            )
        created = self.handler.create(logical_id)
        undo.made.append(self.stack.resources[logical_id])
        return created

    def _check_removal(self, removed: list[StackResource]) -> list[str]:
        for resource in removed:
            try:
                check_allowed(self.stack.policy, "Update:Delete", resource.logical_id, resource.type)
            except PolicyDeniedError as error:
                self.stack.set_resource_status(resource, "UPDATE_FAILED", str(error))
                return [resource.logical_id]
        return []

    def _clean_up(self, removed: list[StackResource], undo: Undo) -> None:
        """Delete the resources that the update replaced or removed. A failure does not undo the update."""
        stack = self.stack
        stack.undo = None
        superseded = [
            item for item in undo.replaced if item.definition.get("UpdateReplacePolicy") != "Retain"
        ]
        for resource in removed:
            stack.resources.pop(resource.logical_id)
        failed = self._remove([*removed, *superseded], undo.specification.template.dependencies)
        reason = "Update successful. One or more resources could not be deleted." if failed else ""
        stack.set_status("UPDATE_COMPLETE", reason)

    def roll_back(self, skipped: tuple[str, ...]) -> None:
        """Roll back an update, except for `skipped`. The status is UPDATE_ROLLBACK_IN_PROGRESS already."""
        stack, undo = self.stack, self.stack.undo
        assert undo is not None
        abandoned = undo.abandoned.template.dependencies
        self.handler = self.handler_for(undo.specification)
        graph = undo.specification.template.dependencies
        for name in skipped:
            self.handler.skip(undo.resources.pop(name))
        touched = {name: graph.get(name, set()) & undo.resources.keys() for name in undo.resources}
        failed = _in_order(touched, lambda name: self.handler.restore(undo.resources[name]), lambda: False)
        if failed:
            stack.set_status(
                "UPDATE_ROLLBACK_FAILED", f"The following resource(s) failed to update: {_names(failed)}. "
            )
            return
        stack.specification, stack.undo = undo.specification, None
        stack.set_status("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
        for resource in undo.made:
            if stack.resources.get(resource.logical_id) is resource:
                stack.resources.pop(resource.logical_id)
        extra = undo.leftovers([*stack.resources.values(), *undo.replaced])
        self._remove(
            extra, {name: graph.get(name, set()) | abandoned.get(name, set()) for name in graph | abandoned}
        )
        stack.set_status("UPDATE_ROLLBACK_COMPLETE")
