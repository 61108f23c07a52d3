"""What goes wrong on request: AWS APIs, databases, stacks."""

from __future__ import annotations

from dataclasses import dataclass, field

from .api import ApiFaults
from .database import DatabaseFaults
from .stack import StackFaults


@dataclass
class Faults:
    """The switches of a cloud; all are off at first."""

    api: ApiFaults = field(default_factory=ApiFaults)
    database: DatabaseFaults = field(default_factory=DatabaseFaults)
    stack: StackFaults = field(default_factory=StackFaults)
