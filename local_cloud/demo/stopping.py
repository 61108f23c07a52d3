"""Ctrl-C and SIGTERM end a command, whatever it is doing."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator
from types import FrameType

# Seconds for an orderly end; after them the kernel ends the process.
GRACE = 60
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """The first SIGINT or SIGTERM raises KeyboardInterrupt in the main thread; later ones change nothing.

    A signal handler runs between any two instructions of the main thread, also while that thread takes or
    holds the lock of an Event, a queue or a log. So this handler takes none.
    """

    def __init__(self) -> None:
        self._asked = False
        for number in SIGNALS:
            signal.signal(number, self._handle)

    def wait(self) -> None:
        """Return once a signal has come, now or earlier."""
        with contextlib.suppress(KeyboardInterrupt):
            while not self._asked:
                # A short sleep: a signal just before the system call does not end it.
                time.sleep(1)

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        if not self._asked:
            self._asked = True
            signal.alarm(GRACE)
            raise KeyboardInterrupt


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Let a signal that comes meanwhile wait for the end. Main thread only.

    Raises:
        KeyboardInterrupt: one has come, and is handled now.
    """
    came: list[int] = []
    handlers = {number: signal.signal(number, lambda number, _: came.append(number)) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])
