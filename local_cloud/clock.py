"""How fast the time of a local cloud runs, and when it ends."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field


@dataclass(eq=False)
class Clock:
    """The time of a cloud. Only waiting is sped up: code takes the time it takes.

    Attributes:
        speed: AWS seconds that pass in one second here. 1 is real time, 300 shows a twenty-minute
            launch in four seconds.
        shortest_wait: real seconds a wait takes at least, so that a fast clock does not become a busy loop.
        stopping: set once the cloud is being stopped; every wait ends then.
    """

    speed: float = 300.0
    shortest_wait: float = 0.05
    stopping: threading.Event = field(default_factory=threading.Event, init=False)

    def seconds(self, aws_seconds: float) -> float:
        """Return how many real seconds a wait of `aws_seconds` takes here. Zero does not wait at all."""
        return max(aws_seconds / self.speed, self.shortest_wait) if aws_seconds > 0 else 0.0

    def sleep(self, aws_seconds: float) -> None:
        """Wait as long as `aws_seconds` take here, or until the cloud stops."""
        self.stopping.wait(self.seconds(aws_seconds))
