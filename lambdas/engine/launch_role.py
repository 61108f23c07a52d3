"""The launch role: sessions with it, and with the function's own role."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import ClientError
from botocore.loaders import Loader, create_loader
from botocore.session import Session

from engine.entry_point import CLIENT_CONFIG
from engine.errors import LaunchRoleDeniedError

if TYPE_CHECKING:
    from mypy_boto3_sts import STSClient


@functools.cache
def own_session() -> boto3.Session:
    """Return the session of the function's own role. It makes clients faster than boto3's default session."""
    return _session()


@functools.cache
def sts() -> STSClient:
    """Return the engine's own client, made when an event first needs it."""
    return own_session().client("sts", config=CLIENT_CONFIG)


def assume(sts: STSClient, role_arn: str, record_id: str) -> boto3.Session:
    """Return a session of the launch role. It is valid for 15 minutes: each state assumes the role anew.

    The session has the record's id as its name, so CloudTrail shows to which operation a call belongs.

    Raises:
        LaunchRoleDeniedError: the role does not exist or does not trust the engine; STS does not say which.
    """
    try:
        credentials = sts.assume_role(
            RoleArn=role_arn, RoleSessionName=re.sub(r"[^\w+=,.@-]", "-", record_id)[:64], DurationSeconds=900
        )["Credentials"]
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("AccessDenied", "AccessDeniedException"):
            raise
        raise LaunchRoleDeniedError(
            f"Access denied while assuming launch role {role_arn}. Ask the platform team to check that the "
            "role exists and that its trust policy admits the provisioning engine."
        ) from error
    return _session(credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"])


def _session(key_id: str | None = None, secret: str | None = None, token: str | None = None) -> boto3.Session:
    """Return a session with these credentials, or without any, with the function's own role."""
    session = Session()
    session.register_component("data_loader", _descriptions())
    return boto3.Session(
        aws_access_key_id=key_id,
        aws_secret_access_key=secret,
        aws_session_token=token,
        botocore_session=session,
    )


@functools.cache
def _descriptions() -> Loader:
    """Return a loader of botocore's service descriptions. It remembers what it has loaded.

    All sessions share it: a session with its own loader spends nine tenths of the time until its first client
    on loading, and each event makes a session.
    """
    return create_loader()
