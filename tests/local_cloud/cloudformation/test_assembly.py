"""Deploying a cloud assembly."""

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_cloud.cloud import Cloud
from local_cloud.cloudformation.assembly import DeploymentFailedError, deploy

ASSETS = "cdk-hnb659fds-assets-123456789012-us-east-1"
ROLE = "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/cdk-%s"


@pytest.fixture(scope="module")
def speed() -> float:
    return 100_000


@pytest.fixture
def cloud(cloud: Cloud) -> Iterator[Cloud]:
    yield cloud
    client = cloud.client("cloudformation")
    client.delete_stack(StackName="Demo")
    client.get_waiter("stack_delete_complete").wait(StackName="Demo", WaiterConfig={"Delay": 0.05})


def write_assembly(directory: Path, **topics: str) -> Path:
    """Write what `cdk synth` would for a stack of these topics and one directory asset."""
    (directory / "code").mkdir(exist_ok=True)
    (directory / "code" / "index.py").write_text("x = 1")
    version = {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/cdk-bootstrap/hnb659fds/version"}
    check = {"Fn::Not": [{"Fn::Contains": [["1", "2", "3", "4", "5"], {"Ref": "BootstrapVersion"}]}]}
    template = {
        "Parameters": {"BootstrapVersion": version},
        "Rules": {"CheckBootstrapVersion": {"Assertions": [{"Assert": check}]}},
        "Resources": {
            key: {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": name}}
            for key, name in topics.items()
        },
        "Outputs": {key: {"Value": {"Ref": key}} for key in topics},
    }
    (directory / "Demo.template.json").write_text(json.dumps(template))
    (directory / "Demo.assets.json").write_text(json.dumps({"files": {
        "t": _file("Demo.template.json", "file", "t.json"), "c": _file("code", "zip", "c.zip"),
    }}))  # fmt: skip
    properties = {
        "templateFile": "Demo.template.json",
        "assumeRoleArn": ROLE % "deploy",
        "cloudFormationExecutionRoleArn": ROLE % "exec",
        "stackTemplateAssetObjectUrl": "s3://cdk-hnb659fds-assets-${AWS::AccountId}-us-east-1/t.json",
        "bootstrapStackVersionSsmParameter": "/cdk-bootstrap/hnb659fds/version",
        "tags": {"team": "payments"},
    }
    (directory / "manifest.json").write_text(json.dumps({"artifacts": {
        "Demo": {"type": "aws:cloudformation:stack", "properties": properties},
        "Demo.assets": {"type": "cdk:asset-manifest", "properties": {"file": "Demo.assets.json"}},
    }}))  # fmt: skip
    return directory


def _file(path: str, packaging: str, key: str) -> dict[str, Any]:
    place = {"bucketName": ASSETS, "objectKey": key, "assumeRoleArn": ROLE % "publish"}
    return {"source": {"path": path, "packaging": packaging}, "destinations": {"here": place}}


def test_assets_are_published_and_the_stack_is_deployed(cloud: Cloud, tmp_path: Path) -> None:
    events: list[dict[str, Any]] = []
    outputs = deploy(cloud, write_assembly(tmp_path, Alerts="alerts"), "Demo", events.append)
    assert outputs == {"Alerts": "arn:aws:sns:us-east-1:123456789012:alerts"}
    assert [event["ResourceStatus"] for event in events if event["LogicalResourceId"] == "Demo"] == [
        "REVIEW_IN_PROGRESS", "CREATE_IN_PROGRESS", "CREATE_COMPLETE",
    ]  # fmt: skip
    packed = cloud.client("s3").get_object(Bucket=ASSETS, Key="c.zip")["Body"].read()
    assert zipfile.ZipFile(io.BytesIO(packed)).read("index.py") == b"x = 1"
    (stack,) = cloud.client("cloudformation").describe_stacks()["Stacks"]
    assert stack["RoleARN"] == "arn:aws:iam::123456789012:role/cdk-exec"
    assert stack["Tags"] == [{"Key": "team", "Value": "payments"}]


def test_a_second_deployment_updates_the_stack(cloud: Cloud, tmp_path: Path) -> None:
    deploy(cloud, write_assembly(tmp_path, Alerts="alerts"), "Demo")
    assert deploy(cloud, tmp_path, "Demo").keys() == {"Alerts"}
    events: list[dict[str, Any]] = []
    outputs = deploy(cloud, write_assembly(tmp_path, Alerts="alerts", More="more"), "Demo", events.append)
    assert outputs.keys() == {"Alerts", "More"}
    assert events[0]["ResourceStatus"] == "UPDATE_IN_PROGRESS"


def test_a_failed_deployment_names_the_first_failure_and_can_be_repeated(
    cloud: Cloud, tmp_path: Path
) -> None:
    cloud.faults.stack.fail("Alerts", "no room")
    write_assembly(tmp_path, Alerts="alerts")
    with pytest.raises(DeploymentFailedError, match="Demo ended in ROLLBACK_COMPLETE: Alerts: no room"):
        deploy(cloud, tmp_path, "Demo")
    assert deploy(cloud, tmp_path, "Demo").keys() == {"Alerts"}


def test_the_stack_remembers_its_execution_role(cloud: Cloud, tmp_path: Path) -> None:
    deploy(cloud, write_assembly(tmp_path, Alerts="alerts"), "Demo")
    iam, trust = cloud.client("iam"), iam_trust("cloudformation.amazonaws.com")
    iam.update_assume_role_policy(RoleName="cdk-exec", PolicyDocument=iam_trust("lambda.amazonaws.com"))
    with pytest.raises(ClientError, match="is invalid or cannot be assumed"):
        cloud.client("cloudformation").delete_stack(StackName="Demo")
    iam.update_assume_role_policy(RoleName="cdk-exec", PolicyDocument=trust)


def iam_trust(service: str) -> str:
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
