"""What RDS refuses."""

from __future__ import annotations

from moto.core.exceptions import ServiceException


class Refused(ServiceException):
    """RDS refuses a request; code and message come with it."""


class NotBackedUpError(Exception):
    """RDS takes no automated snapshot of the instance; the message says why."""
