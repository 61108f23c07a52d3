"""RDS for PostgreSQL, made of the parts in the other modules."""

from __future__ import annotations

from collections.abc import Iterator

from moto.rds.models import rds_backends

from ..moto_seam import running
from .exports import ExportBackend
from .metrics import SILENT, measurements
from .modifications import ModificationBackend
from .restores import RestoreBackend
from .subscriptions import SubscriptionBackend


class LocalRDS(ModificationBackend, RestoreBackend, ExportBackend, SubscriptionBackend):
    """RDS for PostgreSQL. Operations take as long as on AWS, in the cloud's time."""

    def measured(self) -> Iterator[tuple[dict[str, str], dict[str, float]]]:
        """Yield what RDS publishes in this minute: the dimensions of each instance, and values by metric."""
        for database in self.instances():
            if database.status not in SILENT:
                yield {"DBInstanceIdentifier": database.db_instance_identifier}, measurements(database)


def backend() -> LocalRDS:
    """Return the RDS of the running local cloud."""
    return running(rds_backends, LocalRDS)
