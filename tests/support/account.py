"""What nearly every test of the local cloud first creates in an empty account."""

import io
import json
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest
from botocore.exceptions import ClientError

from local_cloud.cloud import Cloud

ACCOUNT = "123456789012"


LOGS = {"Effect": "Allow", "Action": "logs:*", "Resource": "*"}


Seen = TypeVar("Seen")


def zipped(files: dict[str, str]) -> bytes:
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return package.getvalue()


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(*actions: str, resource: str = "*") -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource}


def refusal(call: Callable[..., Any], **arguments: Any) -> str:
    """Make a call that must be refused; returns `code: message`."""
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    error = refused.value.response["Error"]
    return f"{error['Code']}: {error['Message']}"


def eventually(look: Callable[[], Seen], seconds: float = 15) -> Seen:
    """Call a function until it returns something, and return that."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if seen := look():
            return seen
        time.sleep(0.01)
    raise TimeoutError(f"not seen within {seconds} s: {look}")


@dataclass(frozen=True)
class Account:
    cloud: Cloud

    def client(self, service: str) -> Any:
        return self.cloud.client(service)

    def role(self, name: str, service: str, *statements: dict[str, Any]) -> str:
        """A role that `service` may assume; functions may log unless statements are given."""
        iam = self.client("iam")
        trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))["Role"]
        iam.put_role_policy(
            RoleName=name, PolicyName="inline", PolicyDocument=document(*(statements or (LOGS,)))
        )
        return str(role["Arn"])

    def function(self, name: str, code: str, *statements: dict[str, Any], **settings: Any) -> str:
        """A function whose handler is `handle` in `code`. Returns its ARN."""
        role = settings.pop("Role", None) or self.role(f"{name}-role", "lambda.amazonaws.com", *statements)
        settings = {"Runtime": "python3.14", "Handler": "index.handle", "Timeout": 10} | settings
        settings.setdefault("Code", {"ZipFile": zipped({"index.py": code})})
        created = self.client("lambda").create_function(FunctionName=name, Role=role, **settings)
        return str(created["FunctionArn"])

    def invoke(self, name: str, event: Any = None) -> Any:
        """What the function answered: its result, or the error object if it failed."""
        answer = self.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event))
        return json.loads(answer["Payload"].read())

    def log(self, name: str) -> list[str]:
        """The lines in the log group of a function; none while the group does not exist."""
        logs = self.client("logs")
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{name}")
        try:
            return [event["message"] for page in pages for event in page["events"]]
        except logs.exceptions.ResourceNotFoundException:
            return []

    def queue(self, name: str, **attributes: str) -> tuple[str, str]:
        """A queue's URL and ARN."""
        url = self.client("sqs").create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        return url, f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}"

    def bodies(self, queue_url: str) -> list[str]:
        """The bodies of the messages that are visible now."""
        found = self.client("sqs").receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10)
        return [message["Body"] for message in found.get("Messages", [])]
