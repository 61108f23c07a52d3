"""Records: Service Catalog's own entries for operations. The engine compares each message with its record.

Whoever can put a message into a queue, or start an execution, can name any provisioned product. So the engine
changes nothing before Service Catalog has confirmed the operation.
"""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import boto3
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError

from engine.entry_point import CLIENT_CONFIG, count, logger, translate
from engine.errors import (
    LaunchRoleForeignError,
    PermissionMissingError,
    RecordMismatchError,
    RecordNotFoundError,
)
from engine.launch_role import assume, own_session, sts
from engine.models import Request
from engine.wording import cut

if TYPE_CHECKING:
    from mypy_boto3_servicecatalog import ServiceCatalogClient
    from mypy_boto3_servicecatalog.type_defs import RecordDetailTypeDef

# API reference, RecordDetail. The other statuses are SUCCEEDED and FAILED.
_OPEN = ("CREATED", "IN_PROGRESS", "IN_PROGRESS_IN_ERROR")
# The errors of DescribeRecord for an id that no record has, or can have.
_NO_RECORD = ("ResourceNotFoundException", "ValidationException")
_LONGEST = 500
# All messages have these fields, except those of terminations.
_OF_VERSION = {"ProductId": "productId", "ProvisioningArtifactId": "provisioningArtifactId"}


def find(client: ServiceCatalogClient, record_id: str) -> RecordDetailTypeDef | None:
    """Return a record; None if Service Catalog shows no such record in the account of the client.

    Raises:
        ClientError: Service Catalog did not answer.
    """
    try:
        return client.describe_record(Id=record_id)["RecordDetail"]
    except ClientError as error:
        if error.response["Error"]["Code"] in _NO_RECORD:
            return None
        raise


def confirmed_session(request: Request, context: LambdaContext) -> boto3.Session:
    """Return a session of the launch role once Service Catalog has confirmed the operation.

    The engine asks in the account of the user: in its own account with the function's role, in others with
    the launch role. If it is not allowed to ask, the operation goes on, and an alarm says so.

    Raises:
        RecordNotFoundError: Service Catalog shows no such record, and no person vouches for the operation.
        RecordMismatchError: the record has ended, or is of another operation.
        LaunchRoleForeignError: the message names another launch role than the record, or one of another
            account.
        LaunchRoleDeniedError, MessageInvalidError: see `assume` and `read_message`.
    """
    hub = context.invoked_function_arn.split(":")[4]
    account = request.account or hub
    if account == hub:
        _confirm(servicecatalog, request)
        return assume(sts(), _role(request, account), request.record_id)
    # The record is in the account of the user, even if the launch constraint names a role of the hub account.
    role = re.sub(r"(?<=::)\d{12}(?=:)", account, request.read_message().launch_role_arn)
    session = assume(sts(), role, request.record_id)
    _confirm(lambda: session.client("servicecatalog", config=CLIENT_CONFIG), request)
    _role(request, account)
    return session


@functools.cache
def servicecatalog() -> ServiceCatalogClient:
    """Return the engine's own client, made when an event first needs it."""
    return own_session().client("servicecatalog", config=CLIENT_CONFIG)


def _confirm(client: Callable[[], ServiceCatalogClient], request: Request) -> None:
    started = time.monotonic()
    try:
        found = find(client(), request.record_id)
    except ClientError as error:
        if not isinstance(translate(error), PermissionMissingError):
            raise
        logger.warning("Record not confirmed: the question was refused")
        count("RecordCheckRefused")
        return
    logger.info("Record asked for", extra={"seconds": round(time.monotonic() - started, 3)})
    if found:
        _compare(request, found)
    elif not request.confirmed:
        raise RecordNotFoundError(_no_further(f"Service Catalog shows no record {request.record_id}"))


def _compare(request: Request, record: RecordDetailTypeDef) -> None:
    differs = _difference(request, record)
    if differs:
        raise RecordMismatchError(_no_further(f"Record {request.record_id} {differs}"))
    named, recorded = request.message.get("launchRoleArn"), record.get("LaunchRoleArn")
    if named and recorded and named != recorded:
        raise LaunchRoleForeignError(_foreign(f"{named}, and its record names {recorded}"))


def _no_further(why: str) -> str:
    # Whoever forges a message chooses the ids in it. Step Functions cuts the cause of an error at 32,768
    # characters. The rest would not be JSON, so the engine could not keep the operation.
    return f"{cut(why, _LONGEST)}, so the engine went no further."


def _difference(request: Request, record: RecordDetailTypeDef) -> str | None:
    """Return why a record is not the operation's; None if it is."""
    product = record.get("ProvisionedProductId")
    if product != request.provisioned_product_id:
        return f"is of provisioned product {product}, not of {request.provisioned_product_id}"
    if not request.is_called(kind := record.get("RecordType", "")):
        return f"is {kind}, not {request.kind}"
    if request.kind != "TERMINATE":
        for name, key in _OF_VERSION.items():
            if (given := request.message.get(key)) != (recorded := record.get(name)):
                return f"has {name} {recorded}, not {given}"
    status = record.get("Status", "")
    return None if status in _OPEN else f"has ended: it is {status}"


def _role(request: Request, account: str) -> str:
    """Return the launch role. It must be one of the user's account."""
    role = request.read_message().launch_role_arn
    if role.split(":")[4] != account:
        raise LaunchRoleForeignError(_foreign(f"{role}, and the product is launched in account {account}"))
    return role


def _foreign(what: str) -> str:
    return (
        f"This operation would run with launch role {what}. Nothing was changed. Ask the platform team to "
        "put the product back under its own launch constraint, then try again."
    )
