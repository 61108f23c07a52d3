"""What every emulated service needs to know about the machine it runs on."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import boto3
from botocore.config import Config

ACCOUNT_ID = "123456789012"
REGION = "us-east-1"


@dataclass(eq=False)
class World:
    """One local cloud: where it listens and how fast its time runs.

    Attributes:
        speed: AWS seconds that pass in one second here. 1 is real time, 300 shows a twenty-minute
            launch in four seconds.
        shortest_wait: real seconds a wait takes at least, so that a fast clock does not become a busy loop.
        endpoint: the URL that all services answer on; empty until the server listens.
    """

    speed: float = 300.0
    shortest_wait: float = 0.05
    endpoint: str = field(default="", init=False)

    def sleep(self, aws_seconds: float) -> None:
        """Wait as long as `aws_seconds` take in this world. Zero does not wait at all."""
        if aws_seconds > 0:
            time.sleep(max(aws_seconds / self.speed, self.shortest_wait))

    def client(self, service: str, role_arn: str | None = None, session_name: str = "local-cloud") -> Any:
        """Return a boto3 client that talks to this cloud, as the account's root or as `role_arn`.

        Calls go over HTTP even from inside the cloud, so that each one can be seen with the role that made it.
        """
        if role_arn is None:
            return self._client(service, "local", "local", None)
        credentials = self._client("sts", "local", "local", None).assume_role(
            RoleArn=role_arn, RoleSessionName=session_name
        )["Credentials"]
        return self._client(
            service, credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"]
        )

    def _client(self, service: str, key_id: str, secret: str, token: str | None) -> Any:
        return _client(self.endpoint, service, key_id, secret, token)


@cache
def _client(endpoint: str, service: str, key_id: str, secret: str, token: str | None) -> Any:
    session = boto3.session.Session(key_id, secret, token, REGION)
    # Path-style S3 and no retries: a fault that a test injects must reach the caller as it is.
    config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
    return session.client(service, endpoint_url=endpoint, config=config)
