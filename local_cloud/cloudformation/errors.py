"""What CloudFormation answers when it refuses a request, with the codes of the API reference ("Errors")."""

from moto.core.exceptions import ServiceException


class ValidationError(ServiceException):
    """The request or the template is wrong."""

    code = "ValidationError"


class AlreadyExistsError(ServiceException):
    """A stack or change set of that name exists."""

    code = "AlreadyExistsException"


class ChangeSetNotFoundError(ServiceException):
    """No such change set."""

    code = "ChangeSetNotFound"


class InvalidChangeSetStatusError(ServiceException):
    """The change set cannot be executed or deleted as it stands."""

    code = "InvalidChangeSetStatus"


class InsufficientCapabilitiesError(ServiceException):
    """The template makes IAM resources and the caller has not agreed to that."""

    code = "InsufficientCapabilitiesException"


class ThrottlingError(ServiceException):
    """The API is asked to refuse for a while (see `Faults`)."""

    code = "Throttling"


class NotEmulatedError(ServiceException):
    """AWS can do this and this cloud cannot: said aloud, never ignored."""

    code = "ValidationError"

    def __init__(self, what: str) -> None:
        super().__init__(f"The local CloudFormation does not emulate {what}.")
