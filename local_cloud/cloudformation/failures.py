"""The errors that make a resource fail, and the reason that its event gives for each."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError
from moto.core.exceptions import ServiceException

from ..faults.stack import InjectedFailureError, ThrottledError
from .arguments import UnknownParameterError
from .policy import PolicyDeniedError
from .provider import HandlerError, ProviderError
from .schema import PropertiesError

FAILURES = (
    ClientError, BotoCoreError, ProviderError, PropertiesError, UnknownParameterError, ServiceException,
    InjectedFailureError, PolicyDeniedError,
)  # fmt: skip
THROTTLING = ("Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException")
_HANDLER_CODES = {
    "AccessDenied": "AccessDenied",
    "AlreadyExist": "AlreadyExists",
    "NotFound": "NotFound",
    "Throttl": "Throttling",
}


def reason_of(error: Exception) -> str:
    """Return the reason that the event of the resource gives on AWS."""
    if isinstance(error, ThrottledError):
        return 'Resource handler returned message: "Rate exceeded" (HandlerErrorCode: Throttling)'
    if not isinstance(error, ClientError):
        return error.message if isinstance(error, ServiceException) else str(error)
    detail, metadata = error.response["Error"], error.response["ResponseMetadata"]
    code = detail.get("Code", "")
    handler_code = next((name for part, name in _HANDLER_CODES.items() if part in code), "InvalidRequest")
    message = (
        f"{detail.get('Message', '')} (Service: {error.operation_name}, Status Code: "
        f"{metadata['HTTPStatusCode']}, Request ID: {metadata.get('RequestId', '')})"
    )
    return str(HandlerError(message, handler_code))
