"""RDS for PostgreSQL as a backend of moto."""

from __future__ import annotations

from moto.rds.models import rds_backends

from ..moto_seam import running
from .exports import ExportBackend
from .modifications import ModificationBackend
from .subscriptions import SubscriptionBackend


class LocalRDS(ModificationBackend, ExportBackend, SubscriptionBackend):
    """RDS for PostgreSQL: what is asked for takes its time, and RDS refuses what it does on AWS."""


def backend() -> LocalRDS:
    """Return the RDS of the running local cloud."""
    return running(rds_backends, LocalRDS)
