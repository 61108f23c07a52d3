import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from engine.errors import ParserAccessDeniedException, ParserInvalidParameterException
from engine.launch_role import assume
from parse_parameters.handler import handle
from parse_parameters.parameters import parse

from product_template.releasing.version import Version
from tests.support import versions

TEMPLATE = {
    "Parameters": {
        "Size": {
            "Type": "Number",
            "Default": 100,
            "MinValue": 20,
            "MaxValue": 65536,
            "Description": "In GiB.",
        },
        "Class": {"Type": "String", "AllowedValues": ["small", "large"], "Default": "small"},
        "Suffix": {"Type": "String", "MinLength": 2},
        "Key": {"Type": "AWS::EC2::KeyPair::KeyName", "NoEcho": True, "MaxLength": 9},
    },
    "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
}


@pytest.fixture
def publish(aws: Any, event: Any) -> Any:
    """Put content where Service Catalog's request says the artifact is."""

    def put(content: bytes) -> Any:
        _, _, bucket, key = event("parse_parameters")["artifact"]["path"].split("/", 3)
        s3 = aws("s3")
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key=key, Body=content)

    return put


@pytest.fixture
def ask(aws: Any, event: Any) -> Any:
    return lambda: parse(event("parse_parameters"), lambda _: aws("s3"))["parameters"]


def test_every_parameter_has_all_five_fields_as_service_catalog_needs_them(publish: Any, ask: Any) -> None:
    publish(json.dumps(TEMPLATE))
    fields = {"key": str, "defaultValue": str, "type": str, "description": str, "isNoEcho": bool}
    for parameter in ask():
        assert {name: type(value) for name, value in parameter.items()} == fields


def test_the_form_has_the_templates_order_types_and_defaults(publish: Any, ask: Any) -> None:
    publish(json.dumps(TEMPLATE))
    found = [(p["key"], p["type"], p["defaultValue"], p["isNoEcho"]) for p in ask()]
    assert found == [
        ("Size", "Number", "100", False),
        ("Class", "String", "small", False),
        ("Suffix", "String", "", False),
        ("Key", "AWS::EC2::KeyPair::KeyName", "", True),
    ]


def test_limits_go_into_the_description_because_service_catalog_has_no_field_for_them(
    publish: Any, ask: Any
) -> None:
    publish(json.dumps(TEMPLATE))
    assert [parameter["description"] for parameter in ask()] == [
        "In GiB. From 20 to 65536.",
        "One of: small, large.",
        "Required. At least 2 characters.",
        "Required. At most 9 characters.",
    ]


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"Description": "Where to"}, "Required. Where to."),
        ({"Description": "Where to?"}, "Required. Where to?"),
        ({"Description": "Required. Where to."}, "Required. Where to."),
        ({"Description": "Where to", "AllowedValues": ["a", "b"]}, "Required. Where to. One of: a, b."),
        ({}, "Required."),
        ({"Description": "Where to", "Default": ""}, "Where to."),
        ({"Default": "here"}, ""),
    ],
)
def test_a_text_says_first_that_nothing_is_preset_and_ends_in_a_full_stop(
    publish: Any, ask: Any, rules: dict[str, Any], said: str
) -> None:
    publish(json.dumps({**TEMPLATE, "Parameters": {"Place": {"Type": "String", **rules}}}))
    [field] = ask()
    assert field["description"] == said


@pytest.mark.parametrize("version", versions.ALL, ids=str)
def test_the_form_of_every_version_says_what_is_required_and_ends_its_texts_in_a_full_stop(
    publish: Any, ask: Any, version: Version
) -> None:
    publish(json.dumps(versions.ALL[version]))
    for field in ask():
        required = "Default" not in versions.ALL[version]["Parameters"][field["key"]]
        assert field["description"].startswith("Required. ") == required
        assert field["description"].endswith(".")
        assert field["description"].count("Required.") == required


def test_the_groups_of_the_templates_interface_decide_the_order(publish: Any, ask: Any) -> None:
    groups = [{"Parameters": ["Suffix", "Gone"]}, {"Parameters": ["Class"]}]
    interface = {"AWS::CloudFormation::Interface": {"ParameterGroups": groups}}
    publish(json.dumps({**TEMPLATE, "Metadata": interface}))
    assert [parameter["key"] for parameter in ask()] == ["Suffix", "Class", "Size", "Key"]


def test_the_products_own_template_is_described_once_not_twice(
    publish: Any, ask: Any, product_template: dict[str, Any]
) -> None:
    publish(json.dumps(product_template))
    by_key = {parameter["key"]: parameter for parameter in ask()}
    assert by_key["InstanceClass"]["description"].count("db.r6g.large") == 1
    assert by_key["AllocatedStorage"]["description"].count("65536") == 1


def test_a_template_without_parameters_is_an_empty_form(publish: Any, ask: Any) -> None:
    publish(json.dumps({"Resources": TEMPLATE["Resources"]}))
    assert ask() == []


def test_with_a_launch_role_the_parser_reads_as_that_role(publish: Any, event: Any, context: Any) -> None:
    publish(json.dumps(TEMPLATE))
    assert len(handle(event("parse_parameters"), context)["parameters"]) == 4


def test_without_a_launch_role_the_parser_reads_with_its_own(publish: Any, event: Any, context: Any) -> None:
    publish(json.dumps(TEMPLATE))
    request = event("parse_parameters")
    del request["launchRoleArn"]
    assert len(handle(request, context)["parameters"]) == 4


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"AWSTemplateFormatVersion: 2010-09-09\nResources:\n  A: !Ref B\n", "it is YAML"),
        (b"\x1f\x8b\x08\x00rest", "it is an archive"),
        (b"\xff\xfe\x00", "it is not text"),
        (b"hello", "it is not JSON"),
        (b'{"Resources": ', "it is broken JSON"),
        (b"[]", "not a CloudFormation template"),
        (b"{}", "not a CloudFormation template (Object missing required field `Resources`)"),
        (b'{"Resources": {"A": {"Type": 3}}}', "(Expected `str`, got `int` - at `$.Resources[...].Type`)"),
        (b" " * (1024 * 1024 + 1), "1048577 bytes"),
    ],
)
def test_an_artifact_that_is_no_template_is_refused_with_what_it_is(
    publish: Any, ask: Any, content: bytes, complaint: str
) -> None:
    publish(content)
    with pytest.raises(ParserInvalidParameterException) as refused:
        ask()
    assert complaint in str(refused.value)


def test_a_missing_artifact_is_a_wrong_parameter(ask: Any) -> None:
    with pytest.raises(ParserInvalidParameterException, match="There is no artifact at s3://sc-"):
        ask()


def test_a_request_without_artifact_names_the_field(context: Any) -> None:
    with pytest.raises(ParserInvalidParameterException, match="Object missing required field `artifact`"):
        handle({}, context)


def test_an_artifact_that_may_not_be_read_is_access_denied(stubbed: Any, event: Any) -> None:
    s3, stub = stubbed("s3")
    stub.add_client_error("get_object", "AccessDenied", "no", 403)
    with pytest.raises(
        ParserAccessDeniedException, match="Access denied while downloading the artifact from s3://"
    ):
        parse(event("parse_parameters"), lambda _: s3)


def test_a_launch_role_that_may_not_be_assumed_is_access_denied(stubbed: Any, event: Any) -> None:
    sts, stub = stubbed("sts")
    stub.add_client_error("assume_role", "AccessDenied", "no", 403)
    with pytest.raises(
        ParserAccessDeniedException, match="Access denied while assuming launch role arn:aws:iam"
    ):
        parse(event("parse_parameters"), lambda role: assume(sts, str(role), "request").client("s3"))


def test_other_answers_of_s3_are_not_mistaken_for_a_wrong_artifact(stubbed: Any, event: Any) -> None:
    s3, stub = stubbed("s3")
    stub.add_client_error("get_object", "InternalError", "oops", 500)
    with pytest.raises(ClientError):
        parse(event("parse_parameters"), lambda _: s3)
