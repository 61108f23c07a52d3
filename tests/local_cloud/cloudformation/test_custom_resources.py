"""Resources made by a Lambda function."""

import io
import json
import zipfile
from typing import Any

import pytest

from local_cloud.cloud import Cloud
from tests.support.cloudformation import finished

FUNCTION = """
import json, os, urllib.request

def handle(event, context):
    properties = event["ResourceProperties"]
    answer = {key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")}
    answer["PhysicalResourceId"] = "thing-" + properties["Name"]
    answer["Status"], answer["Reason"] = properties.get("Status", "SUCCESS"), "as you wish"
    answer["Data"] = {"Said": event["RequestType"] + " " + properties["Name"]}
    body = json.dumps(answer).encode()
    request = urllib.request.Request(event["ResponseURL"], body, {"Content-Type": ""}, method="PUT")
    urllib.request.urlopen(request)
"""


@pytest.fixture(scope="module")
def function(cloud: Cloud) -> str:
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = cloud.client("iam").create_role(RoleName="maker", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("maker.py", FUNCTION)
    made = cloud.client("lambda").create_function(
        FunctionName="maker",
        Role=role,
        Handler="maker.handle",
        Runtime="python3.13",
        Code={"ZipFile": packed.getvalue()},
    )
    return str(made["FunctionArn"])


def body(function: str, name: str, **more: Any) -> str:
    thing = {"Type": "Custom::Thing", "Properties": {"ServiceToken": function, "Name": name, **more}}
    outputs = {"Id": {"Value": {"Ref": "Thing"}}, "Said": {"Value": {"Fn::GetAtt": ["Thing", "Said"]}}}
    return json.dumps({"Resources": {"Thing": thing}, "Outputs": outputs})


def outputs(stack: dict[str, Any]) -> dict[str, str]:
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def test_a_function_creates_updates_and_deletes_a_resource(cloud: Cloud, function: str) -> None:
    client = cloud.client("cloudformation")
    stack_id = client.create_stack(StackName="custom", TemplateBody=body(function, "a"))["StackId"]
    assert outputs(finished(client, stack_id)) == {"Id": "thing-a", "Said": "Create a"}
    client.update_stack(StackName="custom", TemplateBody=body(function, "b"))
    stack = finished(client, stack_id)
    assert (stack["StackStatus"], outputs(stack)["Id"]) == ("UPDATE_COMPLETE", "thing-b")
    client.delete_stack(StackName="custom")
    assert finished(client, stack_id)["StackStatus"] == "DELETE_COMPLETE"


def test_what_the_function_says_is_the_reason_of_a_failure(cloud: Cloud, function: str) -> None:
    client = cloud.client("cloudformation")
    request = {
        "StackName": "broken",
        "TemplateBody": body(function, "a", Status="FAILED"),
        "OnFailure": "DO_NOTHING",
    }
    stack_id = client.create_stack(**request)["StackId"]
    assert finished(client, stack_id)["StackStatus"] == "CREATE_FAILED"
    reason = client.describe_stack_resources(StackName="broken")["StackResources"][0]["ResourceStatusReason"]
    assert "Message returned: as you wish" in reason
