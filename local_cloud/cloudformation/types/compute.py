"""AWS::Lambda, AWS::StepFunctions and AWS::CDK."""
# The methods are described by Provider.
# ruff: noqa: ARG002, D102

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..api_object import Api
from ..provider import Call, Properties, Provider, ProviderError, Tagging

_FUNCTION_ARN = "arn:aws:lambda:{region}:{account}:function:{id}"


def _code(properties: Properties) -> Properties:
    """Pack inline code into the ZIP file that the API takes."""
    code = properties.get("Code", {})
    if "ZipFile" not in code:
        return properties
    suffix = "py" if properties["Runtime"].startswith("python") else "js"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        # A fixed time, so that the same code has the same hash.
        archive.writestr(zipfile.ZipInfo(f"index.{suffix}", (1980, 1, 1, 0, 0, 0)), code["ZipFile"])
    return properties | {"Code": {"ZipFile": packed.getvalue()}}


def _function_settings(call: Call, function: str, old: Properties, new: Properties) -> None:
    client = call.client("lambda")
    if old and (old["Code"] != new["Code"] or old.get("Architectures") != new.get("Architectures")):
        architectures = {"Architectures": new["Architectures"]} if "Architectures" in new else {}
        client.update_function_code(FunctionName=function, **_code(new)["Code"], **architectures)
    reserved = new.get("ReservedConcurrentExecutions")
    if reserved != old.get("ReservedConcurrentExecutions"):
        if reserved is None:
            client.delete_function_concurrency(FunctionName=function)
        else:
            client.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=reserved)


@dataclass(frozen=True, kw_only=True)
class Permission(Api):
    """AWS::Lambda::Permission, whose physical id is the statement's id."""

    def create(self, call: Call, properties: Properties) -> str:
        return super().create(call, properties | {"StatementId": call.generated_name(100)})


def _definition(properties: Properties) -> Properties:
    """Replace DefinitionSubstitutions in the definition, and name it as the API does."""
    rest = {
        key: value
        for key, value in properties.items()
        if key not in ("DefinitionString", "Definition", "DefinitionSubstitutions")
    }
    if "DefinitionS3Location" in rest:
        raise ProviderError(
            "The local CloudFormation does not emulate DefinitionS3Location of "
            "AWS::StepFunctions::StateMachine"
        )
    text = (
        properties["DefinitionString"]
        if "DefinitionString" in properties
        else json.dumps(properties["Definition"])
    )
    for name, value in properties.get("DefinitionSubstitutions", {}).items():
        text = text.replace("${" + name + "}", str(value))
    return rest | {"Definition": text}


@dataclass(frozen=True, kw_only=True)
class StateMachine(Api):
    """AWS::StepFunctions::StateMachine. An update sends every property that may change."""

    def _send_update(
        self, call: Call, physical_id: str, sent: Properties, removed: list[str], new: Properties
    ) -> None:
        new = {
            key: value for key, value in new.items() if key not in ("StateMachineName", "StateMachineType")
        }
        super()._send_update(call, physical_id, sent, removed, new)


@dataclass(frozen=True)
class Nothing:
    """A type whose resources exist only in the template, such as AWS::CDK::Metadata."""

    name: str | None = None
    tagging: Tagging | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)

    def create(self, call: Call, properties: Properties) -> str:
        physical_id = call.generated_name()
        call.initiated(physical_id)
        return physical_id

    def update(self, call: Call, physical_id: str, old: Properties, new: Properties) -> str:
        return physical_id

    def delete(self, call: Call, physical_id: str, properties: Properties) -> None:
        """Do nothing: the resource exists only in the template."""

    def attribute(self, call: Call, physical_id: str, name: str, properties: Properties) -> Any:
        raise AssertionError("it has no attributes")


TYPES: Mapping[str, Provider] = {
    "AWS::Lambda::Function": Api(
        service="lambda", create_call="create_function", update_call="update_function_configuration",
        id="FunctionName",
        key=("FunctionName",), name="FunctionName", reshape=_code, own=("ReservedConcurrentExecutions",),
        updated_after=("Code", "Architectures"), after=_function_settings, delete_call="delete_function",
        gone=("ResourceNotFoundException",), tagging=Tagging(key="Resource", value=_FUNCTION_ARN),
        attributes={"Arn": _FUNCTION_ARN}, seconds=10,
    ),
    "AWS::Lambda::Version": Api(
        service="lambda", create_call="publish_version", id="FunctionArn", key={"FunctionName": "{id}"},
        delete_call="delete_function", read_call="get_function_configuration",
        gone=("ResourceNotFoundException",),
        attributes={"Version": "Version", "FunctionArn": "{id}"},
    ),
    "AWS::Lambda::Permission": Permission(
        service="lambda", create_call="add_permission", id="{StatementId}",
        key={"FunctionName": "{FunctionName}", "StatementId": "{id}"},
        delete_call="remove_permission", gone=("ResourceNotFoundException",), attributes={"Id": "{id}"},
    ),
    "AWS::Lambda::EventSourceMapping": Api(
        service="lambda", create_call="create_event_source_mapping",
        update_call="update_event_source_mapping", id="UUID",
        key=("UUID",), delete_call="delete_event_source_mapping", gone=("ResourceNotFoundException",),
        tagging=Tagging(key="Resource", value="arn:aws:lambda:{region}:{account}:event-source-mapping:{id}"),
        attributes={"Id": "{id}",
        "EventSourceMappingArn": "arn:aws:lambda:{region}:{account}:event-source-mapping:{id}"},
    ),
    "AWS::Lambda::EventInvokeConfig": Api(
        service="lambda", create_call="put_function_event_invoke_config",
        update_call="put_function_event_invoke_config",
        resend=True, id="{FunctionName}|{Qualifier}", key=("FunctionName", "Qualifier"),
        delete_call="delete_function_event_invoke_config", gone=("ResourceNotFoundException",),
    ),
    "AWS::StepFunctions::StateMachine": StateMachine(
        service="stepfunctions", create_call="create_state_machine", update_call="update_state_machine",
        resend=True,
        id="stateMachineArn", key=("stateMachineArn",), name="StateMachineName", name_limit=80,
        reshape=_definition,
        renames={"StateMachineName": "name", "StateMachineType": "type"}, delete_call="delete_state_machine",
        tagging=Tagging(key="resourceArn"), attributes={"Arn": "{id}", "Name": "{name}"},
    ),
    "AWS::CDK::Metadata": Nothing(),
}  # fmt: skip
