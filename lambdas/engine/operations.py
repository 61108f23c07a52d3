"""What names an operation: the queue it comes from, and the execution that does it."""

from __future__ import annotations

import hashlib
import re

from engine.models import Kind

# Service Catalog fixes the names of the queues, and the queue alone tells reliably which operation is meant.
KINDS: dict[str, Kind] = {
    "ServiceCatalogExternalProvisionOperationQueue": "PROVISION",
    "ServiceCatalogExternalUpdateOperationQueue": "UPDATE",
    "ServiceCatalogExternalTerminateOperationQueue": "TERMINATE",
}


def execution_name(name: str) -> str:
    """Return `name`, or its hash where Step Functions would refuse it: StartExecution takes 80 characters."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]{1,80}", name) else hashlib.sha256(name.encode()).hexdigest()
