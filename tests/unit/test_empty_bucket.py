"""The inline function that empties the backup bucket."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from product_template.inline import empty_bucket

BUCKET = "backup-bucket-123456789012-dev"


class Answers:
    """CloudFormation's side of the response URL: remembers what is put there."""

    def __init__(self) -> None:
        self.received: list[dict[str, Any]] = []
        self.status = 200
        answers = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answers.received.append(json.loads(body) | {"Content-Type": self.headers["Content-Type"]})
                self.send_response(answers.status)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/answer?signature=secret"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()


@pytest.fixture
def answers() -> Iterator[Answers]:
    answers = Answers()
    yield answers
    answers.server.shutdown()
    answers.server.server_close()


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket=BUCKET)
        client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        yield client


def handle(
    answers: Answers, request_type: str, bucket: str = BUCKET, remaining: int = 900_000
) -> dict[str, Any]:
    event = {
        "RequestType": request_type,
        "ResponseURL": answers.url,
        "StackId": "arn:aws:cloudformation:us-east-1:123456789012:stack/TapStack/1",
        "RequestId": "request-1",
        "LogicalResourceId": "BackupsEmptyOnDelete",
        "ResourceProperties": {"BucketName": bucket},
    }
    if request_type != "Create":
        event["PhysicalResourceId"] = "id-before"
    empty_bucket.handle(event, SimpleNamespace(get_remaining_time_in_millis=lambda: remaining))
    [answer] = answers.received
    return answer


def test_delete_removes_every_version_and_delete_marker(s3: Any, answers: Answers) -> None:
    for number in range(1001):  # a listing has 1000 at most
        s3.put_object(Bucket=BUCKET, Key=f"backup-{number % 500}", Body=b"data")
    s3.delete_object(Bucket=BUCKET, Key="backup-0")
    assert handle(answers, "Delete")["Status"] == "SUCCESS"
    s3.delete_bucket(Bucket=BUCKET)


@pytest.mark.usefixtures("s3")
def test_an_answer_names_the_request_it_belongs_to(answers: Answers) -> None:
    assert handle(answers, "Delete") == {
        "Status": "SUCCESS",
        "Reason": f"Delete of {BUCKET}",
        "PhysicalResourceId": "id-before",
        "StackId": "arn:aws:cloudformation:us-east-1:123456789012:stack/TapStack/1",
        "RequestId": "request-1",
        "LogicalResourceId": "BackupsEmptyOnDelete",
        "Content-Type": "",  # the URL is signed for none
    }


@pytest.mark.parametrize("request_type", ["Create", "Update"])
def test_create_and_update_leave_the_bucket_alone(s3: Any, answers: Answers, request_type: str) -> None:
    s3.put_object(Bucket=BUCKET, Key="backup", Body=b"data")
    answer = handle(answers, request_type)
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", BUCKET)
    assert s3.get_object(Bucket=BUCKET, Key="backup")["Body"].read() == b"data"


@pytest.mark.usefixtures("s3")
def test_a_bucket_that_is_gone_is_empty(answers: Answers) -> None:
    assert handle(answers, "Delete", bucket="no-such-bucket")["Status"] == "SUCCESS"


@pytest.mark.usefixtures("s3")
def test_a_failure_is_answered_with_its_reason(answers: Answers) -> None:
    answer = handle(answers, "Delete", bucket="Not A Bucket Name")
    assert answer["Status"] == "FAILED"
    assert "Not A Bucket Name" in answer["Reason"]


def test_a_bucket_too_large_for_one_run_is_answered_before_time_is_up(s3: Any, answers: Answers) -> None:
    s3.put_object(Bucket=BUCKET, Key="backup", Body=b"data")
    answer = handle(answers, "Delete", remaining=59_000)
    assert answer["Status"] == "FAILED"
    assert "delete the stack again to go on" in answer["Reason"]


@pytest.mark.usefixtures("s3")
def test_a_refused_answer_makes_lambda_run_the_event_again(answers: Answers) -> None:
    answers.status = 403
    with pytest.raises(ConnectionError, match="403"):
        handle(answers, "Delete")


@pytest.mark.usefixtures("s3")
def test_an_unreachable_cloudformation_is_reported_without_the_signed_url(answers: Answers) -> None:
    answers.server.shutdown()
    answers.server.server_close()
    with pytest.raises(ConnectionError) as failure:
        handle(answers, "Delete")
    assert "signature" not in str(failure.value)
    assert failure.value.__suppress_context__  # Lambda would log the cause, which has the URL
