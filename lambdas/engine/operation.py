"""An operation: the queue that it comes from, the execution that does it, and the report of its failure."""

from __future__ import annotations

import hashlib
import re

import msgspec

from engine.models import Answerable, Failure, Kind, Report

# Service Catalog fixes the names of the queues. Only the queue tells reliably of which kind an operation is.
KINDS: dict[str, Kind] = {
    "ServiceCatalogExternalProvisionOperationQueue": "PROVISION",
    "ServiceCatalogExternalUpdateOperationQueue": "UPDATE",
    "ServiceCatalogExternalTerminateOperationQueue": "TERMINATE",
}


class Operation(Answerable, frozen=True):
    """What it takes to answer an operation: part of an execution's input, and of a message."""

    kind: Kind
    # Service Catalog takes the answer to a PROVISION without it, too, but then does not show the reason.
    provisioned_product_id: str | None = None

    def failed(self, failure: Failure, *, began: bool = False) -> Report:
        """Return the report that the operation failed. `began` as in `Report`."""
        return Report(**msgspec.structs.asdict(self), status="FAILED", error=failure, began=began)


def execution_name(provisioned_product_id: str, record_id: str) -> str:
    """Return the name of an operation's execution: the ids, or their hash if StartExecution refuses the ids.

    StartExecution takes at most 80 characters.
    """
    name = f"{provisioned_product_id}-{record_id}"
    return name if re.fullmatch(r"[A-Za-z0-9_-]{1,80}", name) else hashlib.sha256(name.encode()).hexdigest()
