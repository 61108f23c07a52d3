"""The cloud's time: how fast it runs, and when it ends."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field


@dataclass(eq=False)
class Clock:
    """The cloud's time. It speeds up waits only: code runs no faster than it does.

    Attributes:
        speed: AWS seconds that pass in one second here. 1 is real time, 300 shows a twenty-minute
            launch in four seconds.
        shortest_wait: real seconds. No wait is shorter, or loops that wait would keep the machine busy.
        stopping: set when the cloud begins to stop. It ends every wait.
        started: when the cloud was made, in seconds of `time.monotonic`.
    """

    speed: float = 300.0
    shortest_wait: float = 0.05
    stopping: threading.Event = field(default_factory=threading.Event, init=False)
    started: float = field(default_factory=time.monotonic, init=False)

    def seconds(self, aws_seconds: float) -> float:
        """Return how many real seconds a wait of `aws_seconds` takes here; 0 for no wait."""
        return max(aws_seconds / self.speed, self.shortest_wait) if aws_seconds > 0 else 0.0

    def sleep(self, aws_seconds: float) -> None:
        """Wait until `aws_seconds` have passed or the cloud stops."""
        self.stopping.wait(self.seconds(aws_seconds))

    def passed(self) -> float:
        """Return how many AWS seconds have passed since the cloud was made."""
        return (time.monotonic() - self.started) * self.speed
