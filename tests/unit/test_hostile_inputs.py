"""Inputs and templates of any content: accepted, or refused with a sentence; never an error of Python."""

import json
from collections.abc import Iterator
from ipaddress import IPv4Network
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from engine import artifact, errors, record
from engine.account import ROLES_VERSION_TAG, Account
from engine.errors import EngineError
from engine.models import Parameter
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws
from parse_parameters import handler as parse_parameters
from validate import handler as validate
from validate.template_rules import resolve

from product_template.releasing import released_versions
from tests.support import hostile
from tests.support.lambdas import EVENTS, Context, client

NEWEST = max(released_versions.DIRECTORY.glob("1.*.template.json")).read_bytes()
TEMPLATE = artifact.parse(NEWEST)
BUCKET = "copies"
CONTEXT: Any = Context()

emails = st.one_of(
    hostile.text,
    hostile.names,
    st.emails(),
    st.lists(st.emails() | hostile.names, min_size=1, max_size=30).map(",".join),
    st.sampled_from(
        ["a@b.c,", ",,", "a@example.com\n", "a@example.com,b@example.com\r\nBcc: x@y.zz", "@", "a@b"]
    ),
)
cidrs = st.one_of(
    hostile.text,
    hostile.names,
    st.tuples(st.ip_addresses(v=4), st.integers(-1, 40)).map(lambda pair: f"{pair[0]}/{pair[1]}"),
    st.sampled_from(["10.0.0.0", "10.0.0.0/16\n", "::/0", "010.0.0.0/16", "10.0.0.0/016", "1０.0.0.0/16"]),  # noqa: RUF001
)
anything = hostile.text | hostile.names | st.integers().map(str) | st.floats().map(str)
parameters = st.lists(
    st.one_of(
        st.fixed_dictionaries({"key": st.just("OpsEmails"), "value": emails}),
        st.fixed_dictionaries({"key": st.just("VpcCidr"), "value": cidrs}),
        st.fixed_dictionaries({"key": st.sampled_from(sorted(TEMPLATE.parameters)), "value": anything}),
        st.fixed_dictionaries({"key": anything, "value": hostile.scalars}),
        hostile.values,
    ),
    max_size=8,
)
messages = st.builds(
    lambda message, given: {**message, "parameters": given},
    hostile.altered(json.loads((EVENTS / "provision.json").read_text()))
    | st.just(json.loads((EVENTS / "provision.json").read_text())),
    parameters,
)


@pytest.fixture(scope="module")
def account() -> Iterator[Any]:
    """An account with the artifact's copy, once for all examples: none of them may leave anything in it."""
    with mock_aws(), pytest.MonkeyPatch.context() as patch:
        sums = (f"{name}={digest}" for name, digest in released_versions.digests().items())
        patch.setenv("RELEASED", ",".join(sums))
        names = ("s3", "sts", "cloudformation", "ec2", "rds", "service-quotas", "cloudwatch", "iam")
        clients = {name: client(name) for name in (*names, "servicecatalog")}
        # moto has no records. An operation goes on if the engine may not read them.
        refused = (
            AWSResponse("", 400, HTTPHeaders(), None),
            {"Error": {"Code": "AccessDeniedException", "Message": ""}},
        )
        asked = "before-call.servicecatalog.DescribeRecord"
        clients["servicecatalog"].meta.events.register(asked, lambda **_: refused)
        patch.setattr(record, "servicecatalog", lambda: clients["servicecatalog"])
        # Making them takes most of an example.
        patch.setattr(boto3.Session, "client", lambda _, name, **__: clients[name])
        patch.setattr(Account, "limit", lambda *_: 5)  # moto has no quotas
        tags = [{"Key": ROLES_VERSION_TAG, "Value": "1"}]
        client("iam").create_role(RoleName="SCLaunch-TapStack", AssumeRolePolicyDocument="{}", Tags=tags)
        client("s3").create_bucket(Bucket=BUCKET)
        client("s3").put_object(Bucket=BUCKET, Key="released", Body=NEWEST)
        yield client


def outcome(handler: Any, event: dict[str, Any]) -> Any:
    """Return what a handler answers, or None if it refuses with a sentence."""
    try:
        return handler.handle(event, CONTEXT)
    except EngineError as error:
        refusal = error
    assert len(str(refusal)) > 20
    assert str(refusal)[0].isupper()
    return None


@given(
    message=messages,
    kind=st.sampled_from(["PROVISION", "UPDATE", "TERMINATE"]),
    record=hostile.names.filter(bool) | st.just("rec-1"),
    product=hostile.names.filter(bool) | st.just("pp-1"),
)
def test_any_message_is_validated_or_refused_in_a_sentence_and_nothing_is_made(
    account: Any, message: dict[str, Any], kind: str, record: str, product: str
) -> None:
    if isinstance(message.get("artifact"), dict):
        message = message | {"artifact": {"path": f"S3://{BUCKET}/released", "type": "AWS_S3"}}
    operation = {"kind": kind, "recordId": record, "provisionedProductId": product, "message": message}
    taken = outcome(validate, operation)
    assert taken is None or kind == "TERMINATE" or taken["parameters"].keys() == TEMPLATE.parameters.keys()
    assert account("cloudformation").list_stacks()["StackSummaries"] == []


@given(values=st.fixed_dictionaries({"OpsEmails": emails, "VpcCidr": cidrs, "EnvironmentSuffix": anything}))
def test_what_the_rules_let_through_is_what_it_claims_to_be(values: dict[str, str]) -> None:
    """An email is one address, a network is one, a suffix can stand in any name."""
    taken, violations = resolve(
        TEMPLATE, [Parameter(key=key, value=value) for key, value in values.items()], {}
    )
    broken = {violation.input for violation in violations}
    if "OpsEmails" not in broken:
        for email in TEMPLATE.parameters["OpsEmails"].elements(taken["OpsEmails"]):
            assert email.count("@") == 1
            assert email.isprintable()
            assert email.isascii()
            assert not set(email) & set(' ,;:<>()[]{}$&|`"\\')
    if "VpcCidr" not in broken:
        assert IPv4Network(taken["VpcCidr"], strict=False).is_private
    if "EnvironmentSuffix" not in broken:
        assert set(taken["EnvironmentSuffix"]) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
        assert 2 <= len(taken["EnvironmentSuffix"]) <= 20


templates = st.one_of(
    hostile.bodies.map(lambda body: body.encode("utf-8", "surrogatepass")),
    st.binary(max_size=200),
    hostile.altered(
        {
            "Parameters": {"P": {"Type": "String", "Default": "x", "AllowedPattern": "("}},
            "Resources": {"R": {"Type": "AWS::S3::Bucket"}},
            "Metadata": {"AWS::CloudFormation::Interface": {"ParameterGroups": [{"Parameters": ["P"]}]}},
            "Outputs": {},
        }
    ).map(lambda document: json.dumps(document).encode()),
    st.builds(
        lambda interface, rules: json.dumps(
            {
                "Parameters": {"P": rules},
                "Resources": {"R": {"Type": "AWS::S3::Bucket"}},
                "Metadata": {"AWS::CloudFormation::Interface": interface},
            }
        ).encode(),
        hostile.values,
        hostile.altered(
            {"Type": "Number", "Default": 1, "MinValue": 1, "MaxLength": 3, "AllowedValues": [1]}
        ),
    ),
    st.sampled_from([b"\x1f\x8b" + b"\0" * 99, b"PK\x03\x04", b" " * (1024 * 1024 + 1), b"\xff\xfe{}"]),
)


@given(content=templates)
def test_any_artifact_gives_a_form_or_is_refused_in_a_sentence(account: Any, content: bytes) -> None:
    account("s3").put_object(Bucket=BUCKET, Key="form", Body=content)
    request = {"artifact": {"path": f"s3://{BUCKET}/form", "type": "AWS_S3"}}
    form = outcome(parse_parameters, request)
    for field in form["parameters"] if form else []:
        assert {key: type(value) for key, value in field.items()} == FIELD


FIELD = {"key": str, "defaultValue": str, "type": str, "description": str, "isNoEcho": bool}


@given(
    request=hostile.altered(
        {"artifact": {"path": f"s3://{BUCKET}/released", "type": "AWS_S3"}, "launchRoleArn": ""}
    )
)
def test_any_request_for_a_form_is_answered_or_refused_in_a_sentence(
    account: Any, request: dict[str, Any]
) -> None:
    del account
    form = outcome(parse_parameters, request)
    assert form is None or form["parameters"]


@given(content=templates)
def test_an_artifact_that_was_not_released_launches_nothing(account: Any, content: bytes) -> None:
    account("s3").put_object(Bucket=BUCKET, Key="other", Body=content)
    message = json.loads((EVENTS / "provision.json").read_text())
    message["artifact"]["path"] = f"S3://{BUCKET}/other"
    operation = {"kind": "PROVISION", "recordId": "rec-1", "provisionedProductId": "pp-1", "message": message}
    with pytest.raises((errors.ArtifactNotReleasedError, errors.ArtifactInvalidError)):
        validate.handle(operation, CONTEXT)
