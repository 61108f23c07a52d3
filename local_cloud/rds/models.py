"""RDS for PostgreSQL, made of the parts in the other modules."""

from __future__ import annotations

from moto.rds.models import rds_backends

from ..moto_seam import running
from .exports import ExportBackend
from .modifications import ModificationBackend
from .restores import RestoreBackend
from .subscriptions import SubscriptionBackend


class LocalRDS(ModificationBackend, RestoreBackend, ExportBackend, SubscriptionBackend):
    """RDS for PostgreSQL. Operations take as long as on AWS, in the cloud's time."""


def backend() -> LocalRDS:
    """Return the RDS of the running local cloud."""
    return running(rds_backends, LocalRDS)
