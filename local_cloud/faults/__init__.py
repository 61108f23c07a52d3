"""Faults: what a test makes go wrong, in API calls, databases and stack operations."""

from __future__ import annotations

from dataclasses import dataclass, field

from .api import ApiFaults
from .database import DatabaseFaults
from .stack import StackFaults


@dataclass
class Faults:
    """The faults of a cloud. There are none until a test adds one."""

    api: ApiFaults = field(default_factory=ApiFaults)
    database: DatabaseFaults = field(default_factory=DatabaseFaults)
    stack: StackFaults = field(default_factory=StackFaults)
