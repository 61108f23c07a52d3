"""A web page that is open on the same machine can do nothing here; programs come in as before.

What browsers send is written out by hand: http.client adds no header about where a request comes from.
"""

import http.client
import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.parsers import ResponseParserError

from local_cloud.cloud import Cloud
from local_cloud.server.door import guarded

AWS = str(Path(sys.executable).with_name("aws"))
CREATE = urlencode({"Action": "CreateTopic", "Name": "foreign", "Version": "2010-03-31"})
SIGNATURE = urlencode(
    {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": "local/20260101/us-east-1/sns/aws4_request",
        "X-Amz-SignedHeaders": "host",
        "X-Amz-Signature": "0" * 64,
    }
)
SIGNED = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/sns/aws4_request, "
    f"SignedHeaders=host, Signature={'0' * 64}"
}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
FOREIGN = [
    {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": "https://{host}"},
    {"Origin": ""},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "anything"},
]


class Reached:
    """A local cloud, and what it answers to a request that is written out."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.host = cloud.endpoint.removeprefix("http://")

    def ask(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: str | None = None
    ) -> tuple[int, Mapping[str, str], str]:
        """Status, headers and body of the answer. "{host}" in a header stands for host and port."""
        connection = http.client.HTTPConnection(self.host, timeout=30)
        given = {name: value.replace("{host}", self.host) for name, value in (headers or {}).items()}
        connection.request(method, path, body, given)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, dict(answer.getheaders()), text

    def status_of(self, text: str) -> int:
        """The status that answers a request of these lines. "{host}" stands for host and port."""
        host, port = self.host.split(":")
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            lines = text.replace("{host}", self.host).replace("{port}", port).strip().splitlines()
            connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
            return int(connection.makefile("rb").readline().split()[1])

    def topics(self) -> list[str]:
        return [topic["TopicArn"] for topic in self.cloud.client("sns").list_topics()["Topics"]]

    def aws(self, command: str, endpoint: str = "") -> str:
        """Run a command as its user types it; returns what it prints."""
        ran = subprocess.run(
            [AWS, "--endpoint-url", endpoint or self.cloud.endpoint, *shlex.split(command)[1:]],
            env={
                "PATH": os.environ["PATH"],
                "AWS_ACCESS_KEY_ID": "local",
                "AWS_SECRET_ACCESS_KEY": "local",
                "AWS_DEFAULT_REGION": "us-east-1",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout


@pytest.fixture(scope="module")
def reached(cloud: Cloud) -> Reached:
    return Reached(cloud)


@pytest.fixture(scope="module")
def bucket(reached: Reached) -> str:
    reached.cloud.client("s3").create_bucket(Bucket="uploads")
    return "uploads"


@pytest.mark.parametrize("headers", [*FOREIGN, {}], ids=str)
@pytest.mark.parametrize("query", ["", f"?{SIGNATURE}"])
def test_a_form_posted_from_another_site_creates_nothing(
    reached: Reached, bucket: str, query: str, headers: dict[str, str]
) -> None:
    upload, boundary = {"key": "foreign", "file": "content"}, "x"
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in upload.items()
    ]
    multipart = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    status, _, said = reached.ask(
        "POST", f"/{bucket}{query}", multipart | headers, "".join([*parts, f"--{boundary}--\r\n"])
    )
    assert (status, said.partition(":")[0]) == (403, "Refused")
    assert "Contents" not in reached.cloud.client("s3").list_objects_v2(Bucket=bucket)
    assert reached.ask("POST", f"/{query}", FORM | headers, CREATE)[0] == 403
    assert reached.topics() == []


@pytest.mark.parametrize("headers", [*FOREIGN, {}], ids=str)
@pytest.mark.parametrize("signature", ["", f"&{SIGNATURE}", "&AWSAccessKeyId=local&Signature=0&Expires=9"])
def test_an_image_requested_from_another_site_creates_nothing(
    reached: Reached, signature: str, headers: dict[str, str]
) -> None:
    # moto also finds the service in the first part of the path.
    for path in (f"/?{CREATE}", f"/sns_us-east-1/?{CREATE}", "/moto-api/seed?a=42"):
        assert reached.ask("GET", path + signature, headers)[0] == 403
    assert reached.topics() == []


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_a_page_of_another_site_is_refused_even_with_a_signature(
    reached: Reached, headers: dict[str, str]
) -> None:
    assert reached.ask("POST", "/", FORM | SIGNED | headers, CREATE)[0] == 403
    assert reached.ask("PUT", f"/bucket/key?{SIGNATURE}", headers, "x")[0] == 403


@pytest.mark.parametrize(
    "authorization", ["", "Basic bG9jYWw6bG9jYWw=", "Bearer AWS4-HMAC-SHA256", "AWS local:signature"]
)
def test_what_a_browser_can_put_into_authorization_is_no_signature(
    reached: Reached, authorization: str
) -> None:
    assert reached.ask("POST", "/", FORM | {"Authorization": authorization}, CREATE)[0] == 403


def test_a_preflight_is_refused_and_allows_nothing(reached: Reached) -> None:
    asking = {
        "Origin": "https://evil.example",
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "authorization,x-amz-target",
        "Access-Control-Request-Private-Network": "true",
    }
    for path in ("/", "/bucket/key", "/2015-03-31/functions", "/_local/mailbox"):
        status, headers, _ = reached.ask("OPTIONS", path, asking)
        assert status == 403
        assert not [name for name in headers if name.lower().startswith("access-control-")]


@pytest.mark.parametrize("own", [{}, {"Origin": "http://{host}", "Sec-Fetch-Site": "same-origin"}], ids=str)
def test_no_answer_of_any_service_has_a_cors_header(reached: Reached, own: dict[str, str]) -> None:
    s3 = reached.cloud.client("s3")
    s3.create_bucket(Bucket="shared")
    s3.put_object(Bucket="shared", Key="key", Body=b"x")
    rule = {"AllowedMethods": ["GET"], "AllowedOrigins": ["*"], "ExposeHeaders": ["ETag"]}
    s3.put_bucket_cors(Bucket="shared", CORSConfiguration={"CORSRules": [rule]})
    calls = [
        ("s3", "GET", "/shared/key"),
        ("s3", "OPTIONS", "/shared/key"),
        ("lambda", "GET", "/2015-03-31/functions/"),
    ]
    calls += [(service, "POST", "/") for service in ("sns", "sqs", "cloudformation", "states", "nothing")]
    for service, method, path in calls:
        signed = {"Authorization": SIGNED["Authorization"].replace("/sns/", f"/{service}/")}
        _, headers, _ = reached.ask(method, path, signed | own)
        assert not [name for name in headers if name.lower().startswith("access-control-")], (service, method)


@pytest.mark.parametrize("query", ["", f"?{SIGNATURE}"])
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "OPTIONS", "DELETE", "PATCH", "TRACE", "ODD"])
def test_the_administration_of_moto_is_closed(reached: Reached, method: str, query: str) -> None:
    for page in ("", "data.json", "reset", "seed?a=42", "config", "recorder/start-recording"):
        path = f"/moto-api/{page}{query if '?' not in page else query.replace('?', '&')}"
        assert reached.ask(method, path)[0] == 403, path
    for path in ("/favicon.ico", "/latest/meta-data/", "/bucket/key"):
        assert reached.ask(method, path + query)[0] == 403


@pytest.mark.parametrize(
    "host",
    [
        "{host}", "127.0.0.1", "127.8.9.10:5000", "localhost", "localhost:{port}", "LocalHost:{port}",
        "[::1]", "[::1]:{port}", "bucket.localhost", "my-bucket.s3.localhost:{port}",
    ],
)  # fmt: skip
def test_names_of_this_machine_come_in(reached: Reached, host: str) -> None:
    assert reached.status_of(f"GET /_local/mailbox HTTP/1.1\nHost: {host}") == 200
    assert reached.status_of(f"GET http://{host}/_local/mailbox HTTP/1.1\nHost: evil.example") == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "evil.example:{port}", "localhost.evil.example", "127.0.0.1.evil.example:{port}",
        "evillocalhost", "127.0.0.1.nip.io", "0.0.0.0:{port}", "10.0.0.1", "1127.0.0.1", "127.0.0.1:{port}:1",
        "127.0.0.1:evil", "localhost:", "localhost.", "127.0.0.1.", ".localhost", "a..localhost", "[::2]",
        "[::]", "[::1].evil.example", "[::1", "::1", "localhost@evil.example", "evil.example@localhost",
        "user:secret@{host}", "localhost,evil.example", "localhost evil.example", "localhost/evil.example",
        "localhost#.evil.example", "localhost%00.evil.example", "bucket.s3.amazonaws.com", "[127.0.0.1]", "",
    ],
)  # fmt: skip
def test_a_name_that_somebody_else_may_point_at_this_machine_is_refused(reached: Reached, host: str) -> None:
    signed = f"Authorization: {SIGNED['Authorization']}"
    assert reached.status_of(f"GET /_local/mailbox HTTP/1.1\nHost: {host}") == 403
    assert reached.status_of(f"POST / HTTP/1.1\nHost: {host}\n{signed}\nContent-Length: 0") == 403
    if host and not set(host) & set(" [/#"):  # these end the host of an absolute URL
        assert reached.status_of(f"GET http://{host}/_local/mailbox HTTP/1.1\nHost: {{host}}") == 403


@pytest.mark.parametrize(
    "request_text",
    [
        "GET /_local/mailbox HTTP/1.0",
        "GET /_local/mailbox HTTP/1.1",
        "GET /_local/mailbox HTTP/1.1\nHost: {host}\nHost: evil.example",
        "GET /_local/mailbox HTTP/1.1\nHost: evil.example\nHost: {host}",
        "GET /_local/mailbox HTTP/1.1\nHost : {host}",
        "GET //evil.example/_local/mailbox HTTP/1.1\nHost: {host}",
        "GET /_local/mailbox HTTP/1.1\nHost: {host}\nOrigin: http://{host}\nOrigin: https://evil.example",
        "GET /_local/mailbox HTTP/1.1\nHost: {host}\nSec-Fetch-Site: none\nSec-Fetch-Site: cross-site",
    ],
)
def test_a_request_that_is_not_clear_about_itself_is_refused(reached: Reached, request_text: str) -> None:
    assert reached.status_of(request_text) == 403


def test_the_pages_are_for_programs_and_for_who_types_their_address(reached: Reached) -> None:
    typed = {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}
    own = {"Sec-Fetch-Site": "same-origin", "Origin": "http://{host}"}
    for headers in ({}, typed, own):
        assert reached.ask("GET", "/_local/mailbox", headers)[0] == 200
    for headers in FOREIGN:
        assert reached.ask("GET", "/_local/mailbox", headers)[0] == 403
    for method in ("POST", "PUT", "HEAD", "DELETE"):
        assert reached.ask(method, "/_local/mailbox")[0] == 403
    assert reached.ask("GET", "/_local/other")[0] == 403


def test_a_refusal_says_why_and_repeats_nothing_of_the_request(reached: Reached) -> None:
    script = "<script>alert(1)</script>"
    for headers in ({"Host": script}, {"Origin": script}, {"Sec-Fetch-Site": script}, {}):
        status, answered, said = reached.ask("GET", f"/{quote(script)}", headers)
        assert (status, answered["Content-Type"]) == (403, "text/plain; charset=utf-8")
        assert "script" not in said
        assert said.startswith("Refused: ")


def test_a_refusal_waits_for_no_body(reached: Reached) -> None:
    class Unread:
        def read(self, *_: Any) -> bytes:
            raise AssertionError("the body was read")

    def application(*_: Any) -> list[bytes]:
        raise AssertionError("the request came in")

    started: list[str] = []
    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/", "HTTP_HOST": "localhost", "wsgi.input": Unread()}
    list(guarded(application, {})(environ, lambda status, _: started.append(status)))
    assert started == ["403 Forbidden"]
    assert reached.status_of("POST / HTTP/1.1\nHost: {host}\nContent-Length: 1000000") == 403


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_a_presigned_url_is_good_for_a_put_which_no_page_can_send_unasked(
    reached: Reached, bucket: str, version: str
) -> None:
    presigning = boto3.client(
        "s3",
        endpoint_url=reached.cloud.endpoint,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(signature_version=version),
    )
    place = {"Bucket": bucket, "Key": "answer"}
    url = presigning.generate_presigned_url("put_object", place)
    with urlopen(Request(url, version.encode(), {"Content-Type": ""}, method="PUT")) as answer:
        assert answer.status == 200
    s3 = reached.cloud.client("s3")
    assert s3.get_object(**place)["Body"].read() == version.encode()
    with pytest.raises(HTTPError, match="403"):
        urlopen(presigning.generate_presigned_url("get_object", place))
    s3.delete_object(**place)


def test_a_client_that_signs_nothing_reads_that_it_has_to(reached: Reached) -> None:
    sts = boto3.client(
        "sts",
        endpoint_url=reached.cloud.endpoint,
        region_name="us-east-1",
        config=Config(signature_version=UNSIGNED),
    )
    with pytest.raises(ResponseParserError, match="the request is not signed"):
        sts.get_caller_identity()


def test_the_aws_command_works_as_before(reached: Reached, bucket: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("content")
    # By this name, and not by its number, the command puts the bucket into the Host header.
    endpoint = reached.cloud.endpoint.replace("127.0.0.1", "localhost")
    reached.aws(f"aws s3 cp {file} s3://{bucket}/by-command", endpoint)
    assert reached.aws(f"aws s3 cp s3://{bucket}/by-command -", endpoint) == "content"
    reached.cloud.client("s3").delete_object(Bucket=bucket, Key="by-command")


def test_the_command_in_a_mail_confirms_its_subscription(reached: Reached) -> None:
    topic = reached.cloud.client("sns").create_topic(Name="alerts")["TopicArn"]
    reached.cloud.client("sns").subscribe(TopicArn=topic, Protocol="email", Endpoint="ops@example.com")
    [mail] = reached.cloud.mailbox.to("ops@example.com")
    assert topic in reached.aws(mail.todo)
    reached.cloud.client("sns").delete_topic(TopicArn=topic)
