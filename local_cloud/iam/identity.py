"""Clients for the cloud's own services, which call each other with roles and service principals."""

from __future__ import annotations

import base64
import threading
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import boto3
from botocore.config import Config

from ..account import REGION
from .trust import may_assume


@dataclass(eq=False)
class Identity:
    """Gives clients that call as the account's administrator, a role, or an AWS service.

    Attributes:
        endpoint: the URL of all services; empty until the server listens.
        asked: what roles asked to do, once each: (role's ARN, action, resource, condition keys) -> allowed.
    """

    endpoint: str = field(default="", init=False)
    asked: dict[tuple[str, str, str, tuple[tuple[str, str], ...]], bool] = field(
        default_factory=dict, init=False
    )
    _sessions: dict[tuple[str, str, str | None, str | None], dict[str, str]] = field(
        default_factory=dict, init=False
    )

    def client(
        self,
        service: str,
        role_arn: str | None = None,
        session_name: str = "local-cloud",
        principal: str | None = None,
        source_arn: str | None = None,
    ) -> Any:
        """Return a boto3 client that talks to this cloud, as the account's administrator or as `role_arn`.

        Calls go over HTTP even inside the cloud, so that each has a caller, and faults can meet it.

        Args:
            service: boto3's name of the service.
            role_arn: the role to assume first.
            session_name: the name of the role's session.
            principal: the AWS service that calls or assumes the role ("lambda.amazonaws.com"); the
                administrator if None. `trust.FORWARDED` goes on as a role that called the service.
            source_arn: the resource on whose behalf that service acts (aws:SourceArn).

        Raises:
            botocore.exceptions.ClientError: AccessDenied if the role's trust policy does not let the caller
                assume it.
        """
        if role_arn is None:
            return self._client(service, _access_key(principal, source_arn), "local", None)
        # A new client takes longer than most calls, and one for each session would fill the memory. A role's
        # policies count at each call, so an earlier session of the role is as good as a new one.
        asked = (role_arn, session_name, principal, source_arn)
        if asked not in self._sessions or not may_assume(role_arn, principal, source_arn):
            self._sessions[asked] = self.credentials(*asked)
        credentials = self._sessions[asked]
        return self._client(
            service, credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"]
        )

    def credentials(
        self, role_arn: str, session_name: str, principal: str | None = None, source_arn: str | None = None
    ) -> dict[str, str]:
        """Return AccessKeyId, SecretAccessKey and SessionToken of a new session of a role (see `client`)."""
        client = self._client("sts", _access_key(principal, source_arn), "local", None)
        answer = client.assume_role(RoleArn=role_arn, RoleSessionName=session_name)
        credentials: dict[str, str] = answer["Credentials"]
        return credentials

    def _client(self, service: str, key_id: str, secret: str, token: str | None) -> Any:
        return _client(self.endpoint, service, key_id, secret, token)


def _access_key(principal: str | None, source_arn: str | None) -> str:
    """Return the access key that tells which service of this cloud calls; `trust.caller_of` reads it."""
    source = f"!{base64.urlsafe_b64encode(source_arn.encode()).decode()}" if source_arn else ""
    return f"{principal}{source}" if principal else "local"


# A session can't make clients in two threads at once, and each new session reads the service models again.
_session: Any = boto3.session.Session(region_name=REGION)
_session_lock = threading.Lock()


@cache
def _client(endpoint: str, service: str, key_id: str, secret: str, token: str | None) -> Any:
    # No retries: a fault that a test asked for has to reach the caller.
    # A Lambda function may run for 900 s before its answer comes.
    config = Config(
        retries={"total_max_attempts": 1},
        s3={"addressing_style": "path"},
        read_timeout=930,
        max_pool_connections=100,
        proxies={},  # those of the environment lead out of this machine
    )
    with _session_lock:
        return _session.client(
            service,
            endpoint_url=endpoint,
            config=config,
            aws_access_key_id=key_id,
            aws_secret_access_key=secret,
            aws_session_token=token,
        )
