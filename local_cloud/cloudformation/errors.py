"""CloudFormation's errors, with the codes of its API reference ("Errors")."""

from moto.core.exceptions import ServiceException


class ValidationError(ServiceException):
    """The request or the template is wrong."""

    code = "ValidationError"


class AlreadyExistsError(ServiceException):
    """A stack or change set of this name exists already."""

    code = "AlreadyExistsException"


class ChangeSetNotFoundError(ServiceException):
    """The change set does not exist."""

    code = "ChangeSetNotFound"


class InvalidChangeSetStatusError(ServiceException):
    """The status of the change set does not allow it to be executed or deleted."""

    code = "InvalidChangeSetStatus"


class InsufficientCapabilitiesError(ServiceException):
    """The template has IAM resources, and the request does not acknowledge that (Capabilities)."""

    code = "InsufficientCapabilitiesException"


class ThrottlingError(ServiceException):
    """A test makes the API refuse this request (see `StackFaults`)."""

    code = "Throttling"


class NotEmulatedError(ServiceException):
    """The local cloud lacks this. It refuses the request rather than ignore a part of it."""

    code = "ValidationError"

    def __init__(self, what: str) -> None:
        super().__init__(f"The local CloudFormation does not emulate {what}.")
