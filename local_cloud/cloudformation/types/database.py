"""AWS::RDS."""
# The methods are described by Provider.
# ruff: noqa: D102

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from ..arguments import arguments
from ..provider import Api, Call, Properties, Provider, Tagging

_BATCH = 20  # parameters in one ModifyDBParameterGroup, says its reference


def _tagging(kind: str) -> Tagging:
    return Tagging(
        tag="add_tags_to_resource", untag="remove_tags_from_resource", key="ResourceName",
        value=f"arn:aws:rds:{{region}}:{{account}}:{kind}:{{id}}",
    )  # fmt: skip


def _set_parameters(call: Call, group: str, old: Properties, new: Properties) -> None:
    before, now = old.get("Parameters", {}), new.get("Parameters", {})
    changed = {name: value for name, value in now.items() if before.get(name) != value}
    _each_batch(
        call, "modify_db_parameter_group", group, [_parameter(name, value) for name, value in changed.items()]
    )
    removed = [_parameter(name, None) for name in before if name not in now]
    _each_batch(call, "reset_db_parameter_group", group, removed)


def _parameter(name: str, value: Any) -> dict[str, str]:
    # pending-reboot is right for static parameters, and for dynamic ones before the group is in use.
    parameter = {"ParameterName": name, "ApplyMethod": "pending-reboot"}
    return parameter if value is None else parameter | {"ParameterValue": str(value)}


def _each_batch(call: Call, method: str, group: str, parameters: list[dict[str, str]]) -> None:
    for start in range(0, len(parameters), _BATCH):
        getattr(call.client("rds"), method)(
            DBParameterGroupName=group, Parameters=parameters[start : start + _BATCH]
        )


def _instance_parameters(properties: Properties) -> Properties:
    """Flatten the master secret's key, which the API takes as a parameter of its own."""
    secret = properties.get("MasterUserSecret", {})
    key = {"MasterUserSecretKmsKeyId": secret["KmsKeyId"]} if "KmsKeyId" in secret else {}
    return {name: value for name, value in properties.items() if name != "MasterUserSecret"} | key


@dataclass(frozen=True, kw_only=True)
class DBInstance(Api):
    """AWS::RDS::DBInstance. Updates are applied at once, as the resource handler does by default."""

    def _send_update(
        self, call: Call, physical_id: str, sent: Properties, removed: list[str], new: Properties
    ) -> None:
        logs = sent.pop("EnableCloudwatchLogsExports", None)
        rds = call.client("rds")
        parameters = arguments(rds, "modify_db_instance", _instance_parameters(sent), self.renames)
        if logs is not None:
            current = self._answer(call, physical_id, new)["DBInstances"][0].get(
                "EnabledCloudwatchLogsExports", []
            )
            parameters["CloudwatchLogsExportConfiguration"] = {
                "EnableLogTypes": [name for name in logs if name not in current],
                "DisableLogTypes": [name for name in current if name not in logs],
            }
        if "EngineVersion" in sent:
            parameters["AllowMajorVersionUpgrade"] = new.get("AllowMajorVersionUpgrade", False)
        if removed:
            super()._send_update(call, physical_id, {}, removed, new)
        if parameters:
            at_once = new.get("ApplyImmediately", True)
            rds.modify_db_instance(DBInstanceIdentifier=physical_id, ApplyImmediately=at_once, **parameters)

    def delete(self, call: Call, physical_id: str, properties: Properties) -> None:
        parameters: dict[str, Any] = {"SkipFinalSnapshot": not call.final_snapshot}
        if call.final_snapshot:
            parameters["FinalDBSnapshotIdentifier"] = call.generated_name().lower()
        if "DeleteAutomatedBackups" in properties:
            parameters["DeleteAutomatedBackups"] = properties["DeleteAutomatedBackups"]
        try:
            call.client("rds").delete_db_instance(DBInstanceIdentifier=physical_id, **parameters)
            while True:
                self._answer(call, physical_id, properties)
                call.wait(10)
        except ClientError as error:
            if error.response["Error"]["Code"] != "DBInstanceNotFound":
                raise


TYPES: Mapping[str, Provider] = {
    "AWS::RDS::DBSubnetGroup": Api(
        service="rds", create_call="create_db_subnet_group", id="DBSubnetGroup.DBSubnetGroupName",
        key=("DBSubnetGroupName",),
        update_call="modify_db_subnet_group", delete_call="delete_db_subnet_group",
        name="DBSubnetGroupName", lower=True,
        gone=("DBSubnetGroupNotFoundFault",), tagging=_tagging("subgrp"),
    ),
    "AWS::RDS::DBParameterGroup": Api(
        service="rds", create_call="create_db_parameter_group", id="DBParameterGroup.DBParameterGroupName",
        key=("DBParameterGroupName",), renames={"Family": "DBParameterGroupFamily"}, own=("Parameters",),
        after=_set_parameters, delete_call="delete_db_parameter_group", name="DBParameterGroupName",
        lower=True,
        gone=("DBParameterGroupNotFound",), tagging=_tagging("pg"),
        attributes={"DBParameterGroupName": "{id}"},
    ),
    "AWS::RDS::DBInstance": DBInstance(
        service="rds", create_call="create_db_instance", id="DBInstance.DBInstanceIdentifier",
        key=("DBInstanceIdentifier",),
        update_call="modify_db_instance", delete_call="delete_db_instance", read_call="describe_db_instances",
        name="DBInstanceIdentifier", name_limit=63, lower=True, reshape=_instance_parameters,
        renames={"VPCSecurityGroups": "VpcSecurityGroupIds"},
        own=("DeleteAutomatedBackups", "AllowMajorVersionUpgrade", "ApplyImmediately"),
        ready="DBInstances[0].DBInstanceStatus == 'available'", tagging=_tagging("db"),
        attributes={
            "Endpoint.Address": "DBInstances[0].Endpoint.Address",
            "Endpoint.Port": "DBInstances[0].Endpoint.Port",
            "Endpoint.HostedZoneId": "DBInstances[0].Endpoint.HostedZoneId",
            "DBInstanceArn": "DBInstances[0].DBInstanceArn",
            "MasterUserSecret.SecretArn": "DBInstances[0].MasterUserSecret.SecretArn",
            "DbiResourceId": "DBInstances[0].DbiResourceId",
        },
    ),
    "AWS::RDS::EventSubscription": Api(
        service="rds", create_call="create_event_subscription", id="EventSubscription.CustSubscriptionId",
        key=("SubscriptionName",), update_call="modify_event_subscription",
        delete_call="delete_event_subscription",
        name="SubscriptionName", lower=True, gone=("SubscriptionNotFound", "SubscriptionNotFoundFault"),
        tagging=_tagging("es"),
    ),
}  # fmt: skip
