"""The errors Service Catalog answers with: those of its API reference, and two common to all of AWS."""

from __future__ import annotations

from moto.core.exceptions import ServiceException


class ResourceNotFoundError(ServiceException):
    """The specified resource was not found."""

    code = "ResourceNotFoundException"


class InvalidParametersError(ServiceException):
    """One or more parameters are not valid."""

    code = "InvalidParametersException"


class DuplicateResourceError(ServiceException):
    """The specified resource is a duplicate."""

    code = "DuplicateResourceException"


class ResourceInUseError(ServiceException):
    """The resource is in use: take it out of use and try again."""

    code = "ResourceInUseException"


class NotEmulatedError(ServiceException):
    """Service Catalog can do this, the local cloud cannot: refused, never half done."""

    code = "OperationNotSupportedException"


class ValidationError(ServiceException):
    """The request breaks a limit or a pattern of the API's model, or the state forbids the operation."""

    code = "ValidationException"


class InternalServerError(ServiceException):
    """A fault of the local cloud itself; the log has the traceback."""

    code = "InternalServerException"
