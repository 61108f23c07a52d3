"""The engine compares a message with Service Catalog's record before it changes anything."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import msgspec
import pytest
from botocore.exceptions import ClientError
from engine import launch_role, record
from engine.errors import (
    LaunchRoleForeignError,
    MessageInvalidError,
    RecordMismatchError,
    RecordNotFoundError,
)
from engine.models import Request
from engine.record import confirmed_session

HUB, USER = "123456789012", "999999999999"  # the hub account, and another account that launches
ROLE = "arn:aws:iam::{}:role/SCLaunch-TapStack"
KINDS = {
    "provision": "PROVISION_PRODUCT",
    "update": "UPDATE_PROVISIONED_PRODUCT",
    "terminate": "TERMINATE_PROVISIONED_PRODUCT",
}
ASSUMED = """<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>OF{}</AccessKeyId>
<SecretAccessKey>secret</SecretAccessKey><SessionToken>token</SessionToken>
<Expiration>2030-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"""


@dataclass
class AWS:
    """STS and Service Catalog over HTTP.

    Attributes:
        answers: status and body of Service Catalog by the access key that asks.
        asked: who asked Service Catalog, and which roles were assumed.
    """

    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def shows(self, to: str, status: int = 200, error: str = "", **detail: Any) -> None:
        body = {"__type": error, "message": "no"} if error else {"RecordDetail": detail}
        self.answers[to] = (status, body)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[AWS]:
    aws = AWS()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            if "AssumeRole" in body:
                account = body.split("iam%3A%3A")[1][:12]
                aws.asked.append(account)
                status, text = 200, ASSUMED.format(account)
            else:
                key = self.headers["Authorization"].split("Credential=")[1].split("/")[0]
                aws.asked.append(key)
                status, answer = aws.answers[key]
                text = json.dumps(answer)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    clients = (launch_role.sts, record.servicecatalog)
    for client in clients:
        client.cache_clear()
    yield aws
    for client in clients:
        client.cache_clear()
    server.shutdown()
    server.server_close()


@pytest.fixture
def request_to(request_of: Any) -> Callable[..., Request]:
    """Build a request of a kind, with other fields in its message; None leaves one out."""

    def build(kind: str, *, confirmed: bool = False, **message: Any) -> Request:
        given = request_of(kind, confirmed=confirmed)
        changed = given["message"] | message
        given["message"] = {name: value for name, value in changed.items() if value is not None}
        return msgspec.convert(given, Request)

    return build


def recorded(request: Request, **other: Any) -> dict[str, Any]:
    """What DescribeRecord shows of a request."""
    message = request.message
    return {
        "RecordId": request.record_id,
        "Status": "IN_PROGRESS",
        "RecordType": KINDS[request.kind.lower()],
        "ProvisionedProductId": request.provisioned_product_id,
        "ProductId": message.get("productId", "prod-of-the-launch"),
        "ProvisioningArtifactId": message.get("provisioningArtifactId", "pa-of-the-launch"),
        "LaunchRoleArn": message.get("launchRoleArn", ROLE.format(HUB)),
        **other,
    }


@pytest.mark.parametrize("status", ["CREATED", "IN_PROGRESS", "IN_PROGRESS_IN_ERROR"])
@pytest.mark.parametrize("kind", KINDS)
def test_an_open_record_of_the_operation_opens_the_launch_role(
    aws: AWS, context: Any, request_to: Any, kind: str, status: str
) -> None:
    request = request_to(kind)
    aws.shows("testing", **recorded(request, Status=status))
    credentials = confirmed_session(request, context).get_credentials()
    assert credentials is not None
    assert credentials.access_key == f"OF{HUB}"
    assert aws.asked == ["testing", HUB]


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ({"Status": "SUCCEEDED"}, "has ended: it is SUCCEEDED"),
        ({"Status": "FAILED"}, "has ended: it is FAILED"),
        ({"ProvisionedProductId": "pp-other"}, "is of provisioned product pp-other, not of pp-wp3ziihdnvmse"),
        ({"RecordType": "PROVISION_PRODUCT"}, "is PROVISION_PRODUCT, not UPDATE"),
        ({"ProductId": "prod-other"}, "has ProductId prod-other, not prod-xayh7l3a7e66m"),
        ({"ProvisioningArtifactId": "pa-other"}, "has ProvisioningArtifactId pa-other, not pa-qhjerwxbaulto"),
    ],
)
def test_a_record_that_is_not_the_operations_opens_nothing(
    aws: AWS, context: Any, request_to: Any, other: dict[str, str], says: str
) -> None:
    for confirmed in (False, True):  # a person's confirmation counts only if Service Catalog shows no record
        request = request_to("update", confirmed=confirmed)
        aws.shows("testing", **recorded(request, **other))
        with pytest.raises(RecordMismatchError, match=says):
            confirmed_session(request, context)
    assert HUB not in aws.asked


@pytest.mark.parametrize("shown", [True, False])
def test_what_is_not_confirmed_is_said_in_few_words_however_long_the_ids_of_a_message_are(
    aws: AWS, context: Any, request_to: Any, *, shown: bool
) -> None:
    request = request_to("update", productId="p" * 100_000)
    if shown:
        aws.shows("testing", **recorded(request, ProductId="prod-1"))
    else:
        request = msgspec.structs.replace(request, record_id="r" * 100_000)
        aws.shows("testing", status=400, error="ValidationException")
    with pytest.raises((RecordMismatchError, RecordNotFoundError)) as kept:
        confirmed_session(request, context)
    assert len(str(kept.value)) < 600
    assert str(kept.value).endswith("…, so the engine went no further.")


@pytest.mark.parametrize("error", ["ResourceNotFoundException", "ValidationException"])
def test_a_record_that_is_not_shown_opens_nothing_unless_a_person_vouches_for_it(
    aws: AWS, context: Any, request_to: Any, error: str
) -> None:
    aws.shows("testing", status=400, error=error)
    with pytest.raises(RecordNotFoundError, match="shows no record rec-6zfcyj6jqsoj6"):
        confirmed_session(request_to("provision"), context)
    assert aws.asked == ["testing"]
    confirmed_session(request_to("provision", confirmed=True), context)
    assert aws.asked[-1] == HUB


def test_a_question_that_is_refused_is_counted_and_the_operation_goes_on(
    aws: AWS, context: Any, request_to: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.shows("testing", status=400, error="AccessDeniedException")
    confirmed_session(request_to("terminate"), context)
    assert aws.asked == ["testing", HUB]
    assert '"RecordCheckRefused"' in capsys.readouterr().out


def test_a_question_that_is_throttled_is_for_the_state_machine_to_ask_again(
    aws: AWS, context: Any, request_to: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)  # the SDK tries again after seconds
    aws.shows("testing", status=400, error="ThrottlingException")
    with pytest.raises(ClientError, match="ThrottlingException"):
        confirmed_session(request_to("terminate"), context)


def identity(account: str) -> dict[str, Any]:
    return {"principal": "AROASGNG33TL2BDDOJDZK", "awsAccountId": account, "organizationId": None}


def test_the_record_of_another_account_is_asked_for_there_with_its_launch_role(
    aws: AWS, context: Any, request_to: Any
) -> None:
    request = request_to("update", identity=identity(USER), launchRoleArn=ROLE.format(USER))
    aws.shows(f"OF{USER}", **recorded(request))
    confirmed_session(request, context)
    assert aws.asked == [USER, f"OF{USER}"]


def test_the_launch_role_tells_the_account_where_the_message_does_not(
    aws: AWS, context: Any, request_to: Any
) -> None:
    request = request_to("update", identity=None, launchRoleArn=ROLE.format(USER))
    aws.shows(f"OF{USER}", **recorded(request))
    confirmed_session(request, context)
    assert aws.asked == [USER, f"OF{USER}"]


def test_a_launch_role_of_the_hub_does_not_serve_an_account_that_launches(
    aws: AWS, context: Any, request_to: Any
) -> None:
    """Whoever imports the portfolio can choose any launch constraint, and then AWS names that role."""
    request = request_to("provision", identity=identity(USER), launchRoleArn=ROLE.format(HUB))
    aws.shows(f"OF{USER}", **recorded(request))
    with pytest.raises(LaunchRoleForeignError, match=f"is launched in account {USER}. Nothing was changed"):
        confirmed_session(request, context)
    assert HUB not in aws.asked


def test_a_launch_role_that_the_record_does_not_name_is_refused(
    aws: AWS, context: Any, request_to: Any
) -> None:
    request = request_to("provision")
    aws.shows("testing", **recorded(request, LaunchRoleArn=ROLE.format(HUB) + "Other"))
    with pytest.raises(LaunchRoleForeignError, match=r"its record names \S+Other. Nothing was changed"):
        confirmed_session(request, context)


def test_a_confirmed_operation_whose_message_lacks_something_is_told_so(
    aws: AWS, context: Any, request_to: Any
) -> None:
    request = request_to("provision", launchRoleArn=None)
    aws.shows("testing", **recorded(request))
    with pytest.raises(MessageInvalidError, match="launchRoleArn"):
        confirmed_session(request, context)
