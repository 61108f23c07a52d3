"""Deploys a CDK cloud assembly (`cdk.out`), as `cdk bootstrap` and `cdk deploy` do."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ..account import ACCOUNT_ID, REGION

if TYPE_CHECKING:
    from ..cloud import Cloud

_CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
_BOOTSTRAP_VERSION = "30"
_NO_CHANGES = "The submitted information didn't contain changes."
Event = dict[str, Any]


class DeploymentFailedError(Exception):
    """The stack was not deployed. The message names the first failed resource and its reason.

    Attributes:
        event: the first event of a failure that another one did not cause, if there is one.
    """

    def __init__(self, stack_name: str, status: str, event: Event | None) -> None:
        self.event = event
        why = f": {event['LogicalResourceId']}: {event.get('ResourceStatusReason')}" if event else ""
        super().__init__(f"{stack_name} ended in {status}{why}")


def deploy(
    cloud: Cloud,
    cloud_assembly_dir: Path,
    stack_name: str,
    on_event: Callable[[Event], None] | None = None,
    parameters: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Publish the assets of one stack of the assembly and deploy it; return the stack's outputs.

    Args:
        cloud: the cloud to deploy to.
        cloud_assembly_dir: what `cdk synth` wrote.
        stack_name: the stack's artifact id in the assembly's manifest.
        on_event: called with each new stack event, in the shape of DescribeStackEvents.
        parameters: values of the stack's parameters, as `cdk deploy --parameters` takes them.

    Raises:
        DeploymentFailedError: the stack could not be created or updated.
        KeyError: the assembly has no such stack.
    """
    artifacts = json.loads((cloud_assembly_dir / "manifest.json").read_text())["artifacts"]
    properties = _filled(artifacts[stack_name]["properties"])
    manifests = [
        _filled(json.loads((cloud_assembly_dir / item["properties"]["file"]).read_text()))
        for item in artifacts.values()
        if item["type"] == "cdk:asset-manifest" and item["properties"]["file"] == f"{stack_name}.assets.json"
    ]
    files = [file for manifest in manifests for file in manifest["files"].values()]
    _bootstrap(cloud, properties, files)
    for file in files:
        _publish(cloud, cloud_assembly_dir, file)
    deployment = _Deployment(
        cloud,
        properties,
        properties.get("stackName", stack_name),
        on_event or (lambda _: None),
        [{"ParameterKey": name, "ParameterValue": value} for name, value in (parameters or {}).items()],
    )
    return deployment.run()


def new_events(client: Any, stack_name: str, seen: set[str]) -> list[Event]:
    """Return the events of a stack that are not among `seen`, in their order, and add their ids to it.

    The newest come first, so it stops reading after the first page with a known event, like the CDK.
    """
    new: dict[str, Event] = {}
    for page in client.get_paginator("describe_stack_events").paginate(StackName=stack_name):
        # Pages shift while new events come in, so an event may be met twice.
        new |= {event["EventId"]: event for event in page["StackEvents"] if event["EventId"] not in seen}
        if any(event["EventId"] in seen for event in page["StackEvents"]):
            break
    seen.update(new)
    return list(new.values())[::-1]


def _filled(value: Any) -> Any:
    """Replace the placeholders of an environment-agnostic assembly."""
    text = json.dumps(value)
    places = {"AWS::AccountId": ACCOUNT_ID, "AWS::Region": REGION, "AWS::Partition": "aws"}
    for name, place in places.items():
        text = text.replace("${" + name + "}", place)
    return json.loads(text)


def _bootstrap(cloud: Cloud, properties: dict[str, Any], files: list[dict[str, Any]]) -> None:
    """Create the bucket and the roles of a bootstrapped account, unless they exist."""
    destinations = [item for file in files for item in file["destinations"].values()]
    s3 = cloud.identity.client("s3")
    for bucket in {item["bucketName"] for item in destinations}:
        s3.create_bucket(Bucket=bucket)
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        for role in {item["assumeRoleArn"] for item in destinations if "assumeRoleArn" in item}:
            objects = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
            _create_role(cloud, role, _ACCOUNT, ["s3:*"], objects)
    if parameter := properties.get("bootstrapStackVersionSsmParameter"):
        cloud.identity.client("ssm").put_parameter(
            Name=parameter, Value=_BOOTSTRAP_VERSION, Type="String", Overwrite=True
        )
    if execution_role := properties.get("cloudFormationExecutionRoleArn"):
        _create_role(cloud, execution_role, {"Service": "cloudformation.amazonaws.com"}, ["*"], ["*"])
    if deploy_role := properties.get("assumeRoleArn"):
        actions = [
            "cloudformation:*",
            "iam:PassRole",
            "s3:GetObject*",
            "s3:GetBucket*",
            "s3:List*",
            "ssm:GetParameter*",
        ]
        _create_role(cloud, deploy_role, _ACCOUNT, actions, ["*"])


_ACCOUNT = {"AWS": f"arn:aws:iam::{ACCOUNT_ID}:root"}


def _create_role(
    cloud: Cloud, arn: str, principal: dict[str, str], actions: list[str], resources: list[str]
) -> None:
    iam, name = cloud.identity.client("iam"), arn.rsplit("/", 1)[-1]
    trust = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    allowed = {"Effect": "Allow", "Action": actions, "Resource": resources}
    with suppress(iam.exceptions.EntityAlreadyExistsException):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=_document(trust))
    iam.put_role_policy(RoleName=name, PolicyName="default", PolicyDocument=_document(allowed))


def _document(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _publish(cloud: Cloud, cloud_assembly_dir: Path, file: dict[str, Any]) -> None:
    source = cloud_assembly_dir / file["source"]["path"]
    content = _zipped(source) if file["source"]["packaging"] == "zip" else source.read_bytes()
    for destination in file["destinations"].values():
        s3 = cloud.identity.client("s3", destination.get("assumeRoleArn"))
        s3.put_object(Bucket=destination["bucketName"], Key=destination["objectKey"], Body=content)


def _zipped(directory: Path) -> bytes:
    """Return a ZIP file of a directory: the same files give the same bytes, and nothing is compressed."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(directory.rglob("*")):
            if path.is_file():
                entry = zipfile.ZipInfo(path.relative_to(directory).as_posix(), (1980, 1, 1, 0, 0, 0))
                entry.external_attr = path.stat().st_mode << 16
                archive.writestr(entry, path.read_bytes())
    return packed.getvalue()


class _Deployment:
    def __init__(
        self,
        cloud: Cloud,
        properties: dict[str, Any],
        stack_name: str,
        on_event: Callable[[Event], None],
        parameters: list[dict[str, str]],
    ) -> None:
        self.cloud, self.properties, self.stack_name, self.on_event = cloud, properties, stack_name, on_event
        self.parameters = parameters
        self.client = cloud.identity.client("cloudformation", properties.get("assumeRoleArn"))
        self.seen: set[str] = set()

    def run(self) -> dict[str, str]:
        kind = self._kind()
        if kind == "UPDATE":
            new_events(self.client, self.stack_name, self.seen)
        change_set = self._create_change_set(kind)
        if change_set["Status"] == "FAILED":
            if not change_set["StatusReason"].startswith(_NO_CHANGES):
                raise DeploymentFailedError(
                    self.stack_name,
                    "FAILED",
                    {"LogicalResourceId": "change set", "ResourceStatusReason": change_set["StatusReason"]},
                )
        else:
            self.client.execute_change_set(ChangeSetName=change_set["ChangeSetId"])
            self._follow()
        self.client.delete_change_set(ChangeSetName=change_set["ChangeSetId"])
        stack = self._stack()
        return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}

    def _kind(self) -> str:
        try:
            status = self._stack()["StackStatus"]
        except ClientError:
            return "CREATE"
        if status == "ROLLBACK_COMPLETE":
            # Such a stack can only be deleted. The CDK deletes it and creates a new one.
            self.client.delete_stack(StackName=self.stack_name)
            while self._exists():
                self.cloud.clock.sleep(5)
            return "CREATE"
        return "CREATE" if status == "REVIEW_IN_PROGRESS" else "UPDATE"

    def _exists(self) -> bool:
        try:
            return bool(self._stack())
        except ClientError:
            return False

    def _stack(self) -> dict[str, Any]:
        stack: dict[str, Any] = self.client.describe_stacks(StackName=self.stack_name)["Stacks"][0]
        return stack

    def _create_change_set(self, kind: str) -> dict[str, Any]:
        bucket, _, key = self.properties["stackTemplateAssetObjectUrl"].removeprefix("s3://").partition("/")
        roles = (
            {"RoleARN": self.properties["cloudFormationExecutionRoleArn"]}
            if "cloudFormationExecutionRoleArn" in self.properties
            else {}
        )
        tags = [{"Key": name, "Value": value} for name, value in self.properties.get("tags", {}).items()]
        answer = self.client.create_change_set(
            StackName=self.stack_name, ChangeSetName="cdk-deploy-change-set", ChangeSetType=kind, Tags=tags,
            TemplateURL=f"https://{bucket}.s3.{REGION}.amazonaws.com/{key}", Capabilities=_CAPABILITIES,
            Parameters=self.parameters,
            **roles,
        )  # fmt: skip
        while True:
            change_set: dict[str, Any] = self.client.describe_change_set(ChangeSetName=answer["Id"])
            if change_set["Status"] in ("CREATE_COMPLETE", "FAILED"):
                return change_set
            self.cloud.clock.sleep(1)

    def _follow(self) -> None:
        failed: Event | None = None
        while True:
            status = self._stack()["StackStatus"]
            for event in new_events(self.client, self.stack_name, self.seen):
                self.on_event(event)
                if (
                    failed is None
                    and event["ResourceStatus"].endswith("_FAILED")
                    and "cancelled" not in event.get("ResourceStatusReason", "")
                ):
                    failed = event
            if not status.endswith("_IN_PROGRESS"):
                break
            self.cloud.clock.sleep(5)
        if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            raise DeploymentFailedError(self.stack_name, status, failed)
