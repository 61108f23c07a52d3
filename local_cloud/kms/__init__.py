"""KMS: key policies that decide, the check against locking oneself out, tags and aliases that count later."""

from __future__ import annotations

from moto.kms.models import kms_backends

from ..world import World
from .models import LocalKMS

# "It might take up to five minutes" (KMS Developer Guide, "ABAC for AWS KMS").
CHANGES_COUNT_AFTER = 300


def install(world: World) -> None:
    """Answer for KMS with this package in place of moto's."""
    world.patch(kms_backends, "backend", LocalKMS)
    world.patch(LocalKMS, "changes_count_after", world.clock.seconds(CHANGES_COUNT_AFTER))
