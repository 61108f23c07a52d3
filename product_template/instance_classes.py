"""The instance classes that can be chosen, and what follows from their size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import aws_cdk as cdk

BYTES_PER_GIB = 2**30

Limit = Literal["MaxConnections", "ConnectionsAlarm", "FreeableMemoryAlarm", "LoadAlarm", "EbsBursts"]


@dataclass(frozen=True)
class Size:
    """What an instance class has (RDS User Guide, "Hardware specifications for DB instance classes").

    Attributes:
        memory_gib: memory in GiB.
        vcpus: processors.
        ebs_bursts: whether its EBS throughput exceeds the baseline for only 30 minutes a day. RDS publishes
            EBSByteBalance% and EBSIOBalance% for these classes only.
    """

    memory_gib: int
    vcpus: int
    ebs_bursts: bool = False

    @property
    def max_connections(self) -> int:
        """100 for each GiB of memory, at most 5000.

        RDS's default is one for each 9.1 MiB, also at most 5000 (RDS User Guide, "Maximum number of database
        connections"), but AWS does not publish the memory that it divides. Ours is a little lower, and known.
        """
        return min(100 * self.memory_gib, 5000)


# Memory-optimized Graviton classes that run Multi-AZ. A launch with any other is refused.
SIZES = {
    "db.r6g.large": Size(16, 2, ebs_bursts=True),
    "db.r6g.xlarge": Size(32, 4, ebs_bursts=True),
    "db.r6g.2xlarge": Size(64, 8, ebs_bursts=True),
    "db.r6g.4xlarge": Size(128, 16),
    "db.r6g.8xlarge": Size(256, 32),
    "db.r6g.12xlarge": Size(384, 48),
    "db.r6g.16xlarge": Size(512, 64),
}


class ByInstanceClass:
    """Looks up what depends on the instance class, which the launch chooses."""

    def __init__(self, stack: cdk.Stack, instance_class: str) -> None:
        """Add the mapping to `stack`; `instance_class` is the token of the parameter."""
        self._instance_class = instance_class
        self._mapping = cdk.CfnMapping(
            stack,
            "ByInstanceClass",
            mapping={
                name: {
                    "MaxConnections": size.max_connections,
                    "ConnectionsAlarm": size.max_connections * 3 // 4,
                    "FreeableMemoryAlarm": size.memory_gib * BYTES_PER_GIB // 10,
                    "LoadAlarm": size.vcpus,
                    "EbsBursts": str(size.ebs_bursts),
                }
                for name, size in SIZES.items()
            },
        )

    def text(self, limit: Limit) -> str:
        """Return a limit as a string token."""
        return self._mapping.find_in_map(self._instance_class, limit)

    def number(self, limit: Limit) -> float:
        """Return a limit as a number token."""
        return cdk.Token.as_number(self.text(limit))
