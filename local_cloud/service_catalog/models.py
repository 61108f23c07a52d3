"""The catalog of the account, and what tests see behind the API."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from threading import Lock
from typing import Any

from moto.core.base_backend import BaseBackend
from moto.servicecatalog.models import servicecatalog_backends

from local_cloud.moto_seam import Local, running

from .launches import Record
from .state import State


class LocalServiceCatalog(Local, BaseBackend):
    """Service Catalog, in which nothing of moto's is.

    Attributes:
        catalog: all there is, with what no API shows, such as every answer to a record.
        repeatable: by operation and idempotency token, the request that was made with it and the answer.
        token_locks: by the same, held while the request is answered.
        unseen: whether DescribeRecord does not show a record yet. A switch for tests: on AWS, what one call
            has made the next one may not find.
    """

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.state = State()
        self.repeatable: dict[tuple[str, str], tuple[dict[str, Any], dict[str, Any]]] = {}
        self.token_locks: defaultdict[tuple[str, str], Lock] = defaultdict(Lock)
        self.unseen: Callable[[Record], bool] = lambda _: False


def backend() -> LocalServiceCatalog:
    """Return the Service Catalog of the running local cloud."""
    return running(servicecatalog_backends, LocalServiceCatalog)
