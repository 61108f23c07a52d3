"""What every emulated service needs to know about the machine it runs on."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import boto3
from botocore.config import Config

from .sns.mailbox import Mailbox

ACCOUNT_ID = "123456789012"
REGION = "us-east-1"


@dataclass(eq=False)
class World:
    """One local cloud: where it listens and how fast its time runs.

    Attributes:
        speed: AWS seconds that pass in one second here. 1 is real time, 300 shows a twenty-minute
            launch in four seconds. Only waiting is sped up: code takes the time it takes.
        shortest_wait: real seconds a wait takes at least, so that a fast clock does not become a busy loop.
        endpoint: the URL that all services answer on; empty until the server listens.
        stopping: set once the cloud is being stopped; every wait ends then.
        pages: what the cloud shows beside the AWS APIs: path -> text, for GET requests.
        at_stop: called in reverse order when the cloud stops.
        quotas: quota code -> the value applied to the account; may be changed at any time.
        mailbox: the mail that this cloud has sent.
        asked: what roles asked to do, once each: (role's ARN, action, resource, condition keys) -> allowed.
        publish: sends a service's own event to the default event bus: source, detail type, detail, resources.
        turns: service -> what a thread holds while it changes, or walks over, what that service has.
        may_assume: whether a role lets an AWS service in (the administrator if None) for a source ARN.
    """

    speed: float = 300.0
    shortest_wait: float = 0.05
    endpoint: str = field(default="", init=False)
    stopping: threading.Event = field(default_factory=threading.Event, init=False)
    pages: dict[str, Callable[[], str]] = field(default_factory=dict, init=False)
    at_stop: list[Callable[[], None]] = field(default_factory=list, init=False)
    publish: Callable[[str, str, dict[str, Any], list[str]], None] = field(init=False)
    may_assume: Callable[[str, str | None, str | None], bool] = field(init=False)
    turns: dict[str, threading.RLock] = field(default_factory=dict, init=False)
    quotas: dict[str, float] = field(default_factory=dict, init=False)
    mailbox: Mailbox = field(default_factory=Mailbox, init=False)
    asked: dict[tuple[str, str, str, tuple[tuple[str, str], ...]], bool] = field(
        default_factory=dict, init=False
    )

    _sessions: dict[tuple[str, str, str | None, str | None], dict[str, str]] = field(
        default_factory=dict, init=False
    )

    def seconds(self, aws_seconds: float) -> float:
        """Return how many real seconds a wait of `aws_seconds` takes here. Zero does not wait at all."""
        return max(aws_seconds / self.speed, self.shortest_wait) if aws_seconds > 0 else 0.0

    def sleep(self, aws_seconds: float) -> None:
        """Wait as long as `aws_seconds` take in this world, or until the cloud stops."""
        self.stopping.wait(self.seconds(aws_seconds))

    def patch(self, owner: Any, name: str, replacement: Any) -> Any:
        """Replace an attribute of moto until the cloud stops. Returns what was there."""
        original = getattr(owner, name)
        self.at_stop.append(lambda: setattr(owner, name, original))
        setattr(owner, name, replacement)
        return original

    def add(self, owner: Any, name: str, addition: Any) -> None:
        """Give a class of moto an attribute that it lacks, until the cloud stops."""
        assert not hasattr(owner, name), f"{owner} has {name}: patch it"
        self.at_stop.append(lambda: delattr(owner, name))
        setattr(owner, name, addition)

    def client(
        self,
        service: str,
        role_arn: str | None = None,
        session_name: str = "local-cloud",
        principal: str | None = None,
        source_arn: str | None = None,
    ) -> Any:
        """Return a boto3 client that talks to this cloud, as the account's administrator or as `role_arn`.

        Calls go over HTTP even from inside the cloud, so that each can be seen with the role that made it.

        Args:
            service: boto3's name of the service.
            role_arn: the role to assume first.
            session_name: the name of the role's session.
            principal: the AWS service that calls or assumes the role ("lambda.amazonaws.com"); the
                administrator if None. `trust.FORWARDED` goes on as a role that called the service.
            source_arn: the resource on whose behalf that service acts (aws:SourceArn).

        Raises:
            botocore.exceptions.ClientError: AccessDenied, the role's trust policy does not let the caller in.
        """
        if role_arn is None:
            return self._client(service, _access_key(principal, source_arn), "local", None)
        # A client takes longer to make than most calls, and one a session would fill the memory. What a
        # session may do follows from its role as that is at each call, so an earlier session is as good.
        asked = (role_arn, session_name, principal, source_arn)
        if asked not in self._sessions or not self.may_assume(role_arn, principal, source_arn):
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
    """Return the access key with which a service of this cloud says who it is; `trust.caller_of` reads it."""
    source = f"!{base64.urlsafe_b64encode(source_arn.encode()).decode()}" if source_arn else ""
    return f"{principal}{source}" if principal else "local"


# Making clients on one session is not thread safe, and a session each would read its service models again.
_session: Any = boto3.session.Session(region_name=REGION)
_session_lock = threading.Lock()


@cache
def _client(endpoint: str, service: str, key_id: str, secret: str, token: str | None) -> Any:
    # Path-style S3 and no retries: a fault that a test injects must reach the caller as it is.
    # A Lambda function may run for 900 s before its answer comes.
    config = Config(
        retries={"total_max_attempts": 1},
        s3={"addressing_style": "path"},
        read_timeout=930,
        max_pool_connections=100,
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
