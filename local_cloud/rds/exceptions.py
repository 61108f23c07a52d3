"""RDS's errors."""

from __future__ import annotations

from moto.core.exceptions import ServiceException


class Refused(ServiceException):
    """RDS refuses a request, with one of the codes of its API reference."""


class NotBackedUpError(Exception):
    """RDS takes no automated snapshot of the instance. The message says why."""
