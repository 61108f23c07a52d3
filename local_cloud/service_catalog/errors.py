"""Service Catalog's errors: those of its API reference, and two that all of AWS has."""

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
    """The resource is in use. The caller has to end that first."""

    code = "ResourceInUseException"


class NotEmulatedError(ServiceException):
    """The local cloud lacks this. It refuses the request rather than do a part of it."""

    code = "OperationNotSupportedException"


class ValidationError(ServiceException):
    """The request breaks a limit or a pattern of the API's model, or the state forbids the operation."""

    code = "ValidationException"


class InternalServerError(ServiceException):
    """A fault in the local cloud itself. The log has the traceback."""

    code = "InternalServerException"
