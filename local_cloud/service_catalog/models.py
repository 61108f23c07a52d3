"""The backend of Service Catalog, with what tests may see behind the API."""

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
    """Service Catalog. It uses nothing of moto's.

    Attributes:
        state: all that the service keeps; also what no API shows, such as each answer to a record.
        repeatable: (operation, idempotency token) -> the request and its answer.
        token_locks: the same key -> a lock, held until the request is answered.
        unseen: says whether to hide a record from DescribeRecord for now. Tests set it: on AWS, a call may
            not find what the call before it has made.
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
