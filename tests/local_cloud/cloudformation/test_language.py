"""The template language by itself: parameters, functions, YAML."""

import json
from typing import Any

import pytest

from local_cloud.cloudformation.errors import NotEmulatedError, ValidationError
from local_cloud.cloudformation.intrinsics import Evaluator
from local_cloud.cloudformation.parameters import Parameter, resolve_parameters
from local_cloud.cloudformation.policy import PolicyDeniedError, check_allowed
from local_cloud.cloudformation.template import Template


def resolve(value: Any) -> Any:
    evaluator = Evaluator(
        values={"AWS::Region": "us-east-1", "Name": "dev", "List": ["a", "b"]},
        mappings={"Sizes": {"small": {"Memory": "8"}}},
        conditions={
            "Yes": {"Fn::Equals": [{"Ref": "Name"}, "dev"]},
            "No": {"Fn::Not": [{"Condition": "Yes"}]},
        },
        ref=lambda name: f"id-of-{name}",
        get_att=lambda name, attribute: f"{attribute}-of-{name}",
        zones=lambda: ["us-east-1a", "us-east-1b"],
    )
    return evaluator.resolve(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Ref": "Topic"}, "id-of-Topic"),
        ({"Ref": "Name"}, "dev"),
        ({"Fn::GetAtt": ["Db", "Endpoint.Address"]}, "Endpoint.Address-of-Db"),
        ({"Fn::Sub": "${Name}-${Db.Arn}-${!literal}"}, "dev-Arn-of-Db-${literal}"),
        ({"Fn::Sub": ["${A}${Name}", {"A": {"Ref": "AWS::Region"}}]}, "us-east-1dev"),
        ({"Fn::Join": [",", {"Ref": "List"}]}, "a,b"),
        ({"Fn::Select": ["1", {"Fn::GetAZs": ""}]}, "us-east-1b"),
        ({"Fn::Select": [0, {"Fn::Split": ["-", "a-b"]}]}, "a"),
        ({"Fn::FindInMap": ["Sizes", "small", "Memory"]}, "8"),
        ({"Fn::Cidr": ["10.0.0.0/16", 2, 8]}, ["10.0.0.0/24", "10.0.1.0/24"]),
        ({"Fn::Base64": "x"}, "eA=="),
        ({"Fn::If": ["Yes", 1, 2]}, 1),
        ({"Fn::If": ["No", 1, 2]}, 2),
        ({"kept": 1, "gone": {"Ref": "AWS::NoValue"}}, {"kept": 1}),
        ([{"Fn::If": ["No", 1, {"Ref": "AWS::NoValue"}]}], []),
        ({"Condition": {"Bool": {"aws:SecureTransport": "false"}}},
        {"Condition": {"Bool": {"aws:SecureTransport": "false"}}}),
    ],
)  # fmt: skip
def test_functions(value: Any, expected: Any) -> None:
    assert resolve(value) == expected


@pytest.mark.parametrize("value", [{"Fn::ImportValue": "x"}, {"Fn::Transform": {}}, "{{resolve:ssm:x}}"])
def test_functions_that_are_not_emulated_are_refused(value: Any) -> None:
    with pytest.raises(NotEmulatedError):
        resolve(value)


def parameter(declaration: dict[str, Any], text: str | None) -> Parameter:
    given = [] if text is None else [{"ParameterKey": "P", "ParameterValue": text}]
    return resolve_parameters({"P": declaration}, given, {}, lambda name: f"value of {name}")["P"]


@pytest.mark.parametrize(
    ("declaration", "text", "message"),
    [
        ({"Type": "String"}, None, "Parameters: [P] must have values"),
        ({"Type": "String", "AllowedPattern": "[a-z]+"}, "a1", "Parameter 'P' must match pattern [a-z]+"),
        ({"Type": "String", "AllowedPattern": "[a-z]+", "ConstraintDescription": "must be letters"}, "a1",
         "Parameter P failed to satisfy constraint: must be letters"),
        ({"Type": "String", "AllowedValues": ["a"]}, "b", "Parameter 'P' must be one of AllowedValues"),
        ({"Type": "String", "MinLength": 2}, "b", "Parameter 'P' must contain at least 2 characters"),
        ({"Type": "Number", "MaxValue": 5}, "6", "Parameter 'P' must be a number not greater than 5"),
        ({"Type": "Number"}, "x",
        "Parameter validation failed: parameter value x for parameter name P must be a number"),
        ({"Type": "CommaDelimitedList", "AllowedPattern": "[a-z]+"}, "a, 1",
        "Parameter 'P' must match pattern [a-z]+"),
    ],
)  # fmt: skip
def test_a_parameter_that_breaks_its_rules_is_refused(
    declaration: Any, text: str | None, message: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        parameter(declaration, text)
    assert refused.value.message == message


def test_unknown_parameters_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"Parameters: \[X\] do not exist in the template"):
        resolve_parameters({}, [{"ParameterKey": "X", "ParameterValue": "1"}], {}, str)


def test_parameters_have_the_value_of_their_type() -> None:
    assert parameter({"Type": "CommaDelimitedList"}, "a, b").value == ["a", "b"]
    assert parameter({"Type": "Number", "Default": 5}, None).value == "5"
    assert parameter({"Type": "AWS::SSM::Parameter::Value<String>"}, "/x").value == "value of /x"


def test_a_parameter_without_echo_is_masked() -> None:
    secret = parameter({"Type": "String", "NoEcho": True}, "hush")
    assert secret.described("P") == {"ParameterKey": "P", "ParameterValue": "****"}


def test_yaml_short_forms_are_functions() -> None:
    template = Template(
        "Resources:\n  A:\n    Type: AWS::SNS::Topic\n    Properties: "
        "{TopicName: !Sub 'x-${B}', DisplayName: !GetAtt B.TopicName}\n"
    )
    assert template.resources["A"]["Properties"] == {
        "TopicName": {"Fn::Sub": "x-${B}"},
        "DisplayName": {"Fn::GetAtt": "B.TopicName"},
    }


def test_a_policy_denies_what_it_does_not_allow() -> None:
    topics = {"StringLike": {"ResourceType": ["AWS::SNS::*"]}}
    statement = {
        "Effect": "Allow",
        "Action": "Update:Modify",
        "Principal": "*",
        "Resource": "*",
        "Condition": topics,
    }
    body = json.dumps({"Statement": [statement]})
    check_allowed(body, "Update:Modify", "A", "AWS::SNS::Topic")
    with pytest.raises(PolicyDeniedError):
        check_allowed(body, "Update:Modify", "A", "AWS::RDS::DBInstance")
    with pytest.raises(PolicyDeniedError):
        check_allowed(body, "Update:Delete", "A", "AWS::SNS::Topic")
