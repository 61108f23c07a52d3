"""On its way out: what the services that are not yet subclasses of moto's need."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from .clock import Clock

if TYPE_CHECKING:
    from .events.bus import Bus
    from .iam.identity import Identity


@dataclass(eq=False)
class World:
    """The three parts of a cloud, and what only the old seam needs."""

    clock: Clock
    identity: Identity
    bus: Bus = field(init=False)

    running: ClassVar[World]
    at_stop: list[Callable[[], None]] = field(default_factory=list, init=False)

    def patch(self, owner: Any, name: str, replacement: Any) -> Any:
        """Replace an attribute of moto until the cloud stops. Returns what was there."""
        original = getattr(owner, name)
        self.at_stop.append(lambda: setattr(owner, name, original))
        setattr(owner, name, replacement)
        return original

    def add(self, owner: Any, name: str, addition: Any) -> None:
        """Give a class of moto an attribute that it lacks, until the cloud stops."""
        assert not hasattr(owner, name), f"{owner} has {name}: patch it"
        self.at_stop.append(lambda: delattr(owner, name))
        setattr(owner, name, addition)
