"""AWS::RDS."""
# The methods are described by Provider.
# ruff: noqa: D102

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from ..api_object import Api, retag
from ..arguments import arguments, plain_tags
from ..provider import Call, HandlerError, Properties, Provider, Tagging

_BATCH = 20  # parameters in one ModifyDBParameterGroup (API reference)


def _tagging(kind: str) -> Tagging:
    return Tagging(
        tag="add_tags_to_resource", untag="remove_tags_from_resource", key="ResourceName",
        value=f"arn:aws:rds:{{region}}:{{account}}:{kind}:{{id}}",
    )  # fmt: skip


def _set_parameters(call: Call, group: str, old: Properties, new: Properties) -> None:
    """Set and reset parameters as AWS's public resource handler does: dynamic ones apply immediately.

    Source: aws-cloudformation-resource-providers-rds, DBParameterGroup's BaseHandlerStd and Translator.
    """
    before, now = old.get("Parameters", {}), new.get("Parameters", {})
    known = _defaults(call, new["Family"], sorted(before.keys() | now.keys()))
    for name, value in now.items():
        default = known.get(name)
        if default is None or not (default["IsModifiable"] or str(value) == default.get("ParameterValue")):
            raise HandlerError(f"Invalid / Unmodifiable / Unsupported DB Parameter: {name}", "InvalidRequest")
    methods = {
        name: "immediate" if default["ApplyType"] == "dynamic" else "pending-reboot"
        for name, default in known.items()
    }
    # What an update could not set, its rollback does not reset.
    removed = [
        {"ParameterName": name, "ApplyMethod": methods[name]}
        for name in before
        if name not in now and known.get(name, {}).get("IsModifiable")
    ]
    _each_batch(call, "reset_db_parameter_group", group, removed)
    changed = [
        {"ParameterName": name, "ApplyMethod": methods[name], "ParameterValue": str(value)}
        for name, value in now.items()
        if before.get(name) != value
    ]
    _each_batch(call, "modify_db_parameter_group", group, changed)


def _defaults(call: Call, family: str, names: list[str]) -> dict[str, dict[str, Any]]:
    if not names:
        return {}
    pages = (
        call.client("rds")
        .get_paginator("describe_engine_default_parameters")
        .paginate(DBParameterGroupFamily=family, Filters=[{"Name": "parameter-name", "Values": names}])
    )
    return {each["ParameterName"]: each for page in pages for each in page["EngineDefaults"]["Parameters"]}


def _each_batch(call: Call, method: str, group: str, parameters: list[dict[str, str]]) -> None:
    for start in range(0, len(parameters), _BATCH):
        getattr(call.client("rds"), method)(
            DBParameterGroupName=group, Parameters=parameters[start : start + _BATCH]
        )


def _set_sources(call: Call, subscription: str, old: Properties, new: Properties) -> None:
    """Add and remove sources of a subscription: ModifyEventSubscription can't."""
    rds, before, now = call.client("rds"), set(old.get("SourceIds", [])), set(new.get("SourceIds", []))
    if not old:
        return
    for source in sorted(now - before):
        rds.add_source_identifier_to_subscription(SubscriptionName=subscription, SourceIdentifier=source)
    for source in sorted(before - now):
        rds.remove_source_identifier_from_subscription(SubscriptionName=subscription, SourceIdentifier=source)


def _instance_parameters(properties: Properties) -> Properties:
    """Turn MasterUserSecret's KmsKeyId into the API's parameter MasterUserSecretKmsKeyId."""
    secret = properties.get("MasterUserSecret", {})
    key = {"MasterUserSecretKmsKeyId": secret["KmsKeyId"]} if "KmsKeyId" in secret else {}
    return {name: value for name, value in properties.items() if name != "MasterUserSecret"} | key


# Statuses in which the handler stops waiting, and fails.
_TERMINAL = (
    "failed", "inaccessible-encryption-credentials", "inaccessible-encryption-credentials-recoverable",
    "incompatible-create", "incompatible-credentials", "incompatible-network", "incompatible-parameters",
    "incompatible-restore", "modify-failed", "upgrade-failed",
)  # fmt: skip
_WITH_IOPS = ("gp3", "io1", "io2")
_LOGS = "EnableCloudwatchLogsExports"
# If one of the first two changes, the handler sends both.
_INSIGHTS = ("EnablePerformanceInsights", "PerformanceInsightsKMSKeyId", "PerformanceInsightsRetentionPeriod")
# Events after which an update fails although the instance is available again.
_FAILURES = ("the db engine version upgrade failed", "the instance could not be upgraded")


@dataclass(frozen=True, kw_only=True)
class DBInstance(Api):
    """AWS::RDS::DBInstance. It updates an instance as AWS's public resource handler does.

    Source: aws-cloudformation-resource-providers-rds, UpdateHandler and Translator. Every update makes one
    modification, even if only tags change. It compares the old template with the new one, and not with the
    instance, and applies immediately by default. A property that the new template lacks keeps its value. A
    rollback never sends EngineVersion.
    """

    def update(self, call: Call, physical_id: str, old: Properties, new: Properties) -> str:
        rds = call.client("rds")
        if old.get("EngineLifecycleSupport") != new.get("EngineLifecycleSupport") and not call.rollback:
            raise HandlerError("EngineLifecycleSupport cannot be modified.", "InvalidRequest")
        at_once = {
            "DBInstanceIdentifier": physical_id,
            "ApplyImmediately": new.get("ApplyImmediately", True),
        }
        if (
            not call.rollback
            and int(new.get("AllocatedStorage", 0)) > int(old.get("AllocatedStorage", 0))
            and self._instance(call, physical_id)["DBInstanceStatus"] == "storage-full"
        ):
            rds.modify_db_instance(AllocatedStorage=int(new["AllocatedStorage"]), **at_once)
            self._await_changes(call, physical_id, new)
        began = datetime.now(UTC)
        rds.modify_db_instance(**self._modification(call, physical_id, old, new) | at_once)
        self._await_changes(call, physical_id, new)
        self._check_events(call, physical_id, began)
        [group] = self._instance(call, physical_id)["DBParameterGroups"]
        if at_once["ApplyImmediately"] and group["ParameterApplyStatus"] == "pending-reboot":
            rds.reboot_db_instance(DBInstanceIdentifier=physical_id)
            self._await_changes(call, physical_id, new)
        assert self.tagging
        retag(
            self.tagging, "rds", call, physical_id, plain_tags(old.get("Tags")), plain_tags(new.get("Tags"))
        )
        return physical_id

    def _modification(self, call: Call, physical_id: str, old: Properties, new: Properties) -> dict[str, Any]:
        rds = call.client("rds")
        changed = self._sent({key: value for key, value in new.items() if old.get(key) != value}, self.own)
        if new.get("StorageType") in _WITH_IOPS and "AllocatedStorage" in new:
            changed["AllocatedStorage"] = self._storage(call, physical_id, old, new)
            if "Iops" in new:
                changed["Iops"] = new["Iops"]
        elif call.rollback:
            changed.pop("AllocatedStorage", None)
        if call.rollback and changed.pop("EngineVersion", None) and not self._fits(call, new):
            changed.pop("DBParameterGroupName", None)
        changed.pop("EngineLifecycleSupport", None)
        for name in ("ManageMasterUserPassword", "MasterUserSecret", "AllowMajorVersionUpgrade"):
            if name in new:
                changed[name] = new[name]
        if "MaxAllocatedStorage" in old and "MaxAllocatedStorage" not in new:
            changed["MaxAllocatedStorage"] = self._instance(call, physical_id)["AllocatedStorage"]
        if changed.keys() & _INSIGHTS:
            changed |= {name: new[name] for name in _INSIGHTS[:2] if name in new}
        changed.pop(_LOGS, None)
        parameters = arguments(rds, "modify_db_instance", _instance_parameters(changed), self.renames)
        # Compares the templates: log exports that somebody enabled by hand stay as they are.
        before, now = old.get(_LOGS, []), new.get(_LOGS, [])
        if set(before) != set(now):
            parameters["CloudwatchLogsExportConfiguration"] = {
                "EnableLogTypes": [name for name in now if name not in before],
                "DisableLogTypes": [name for name in before if name not in now],
            }
        return parameters

    def _storage(self, call: Call, physical_id: str, old: Properties, new: Properties) -> int:
        """Return the AllocatedStorage to send, changed or not. It never shrinks, not even in a rollback."""
        was, wanted = int(old.get("AllocatedStorage", 0)), int(new["AllocatedStorage"])
        if was != wanted and not call.rollback:
            return wanted
        return max(int(self._instance(call, physical_id)["AllocatedStorage"]), was, wanted)

    @staticmethod
    def _fits(call: Call, properties: Properties) -> bool:
        """Say whether the parameter group's family fits the version in the template (not the instance's)."""
        rds, name = call.client("rds"), properties.get("DBParameterGroupName")
        groups = (
            rds.describe_db_parameter_groups(DBParameterGroupName=name)["DBParameterGroups"] if name else []
        )
        if not groups:
            return True
        versions = rds.describe_db_engine_versions(
            DBParameterGroupFamily=groups[0]["DBParameterGroupFamily"],
            Engine=properties["Engine"],
            EngineVersion=str(properties["EngineVersion"]),
        )
        return bool(versions["DBEngineVersions"])

    def _instance(self, call: Call, physical_id: str) -> dict[str, Any]:
        described = call.client("rds").describe_db_instances(DBInstanceIdentifier=physical_id)
        instance: dict[str, Any] = described["DBInstances"][0]
        return instance

    def _await_changes(self, call: Call, physical_id: str, new: Properties) -> None:
        while True:
            instance = self._instance(call, physical_id)
            status = instance["DBInstanceStatus"]
            if status in _TERMINAL:
                raise HandlerError(f"DB Instance is in state: {status}", "NotStabilized")
            pending = new.get("ApplyImmediately", True) and instance.get("PendingModifiedValues")
            if status == "available" and not pending:
                return
            call.wait(self.every)

    @staticmethod
    def _check_events(call: Call, physical_id: str, began: datetime) -> None:
        try:
            events = call.client("rds").describe_events(
                SourceIdentifier=physical_id, SourceType="db-instance", StartTime=began,
                EndTime=datetime.now(UTC), EventCategories=["notification", "maintenance"],
            )["Events"]  # fmt: skip
        except ClientError as error:
            # Without this permission the handler goes on, and takes a failed upgrade for a success.
            if "AccessDenied" not in error.response["Error"]["Code"]:
                raise
            return
        for event in events:
            if any(words in event["Message"].lower() for words in _FAILURES):
                raise HandlerError(event["Message"], "GeneralServiceException")

    def delete(self, call: Call, physical_id: str, properties: Properties) -> None:
        parameters: dict[str, Any] = {"SkipFinalSnapshot": not call.final_snapshot}
        if call.final_snapshot:
            parameters["FinalDBSnapshotIdentifier"] = call.generated_name().lower()
        if "DeleteAutomatedBackups" in properties:
            parameters["DeleteAutomatedBackups"] = properties["DeleteAutomatedBackups"]
        try:
            try:
                call.client("rds").delete_db_instance(DBInstanceIdentifier=physical_id, **parameters)
            except ClientError as error:
                if "is already being deleted" not in error.response["Error"]["Message"]:
                    raise
            while True:
                self._instance(call, physical_id)
                call.wait(self.every)
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
        delete_call="delete_db_instance", read_call="describe_db_instances",
        name="DBInstanceIdentifier", name_limit=63, lower=True, reshape=_instance_parameters,
        renames={"VPCSecurityGroups": "VpcSecurityGroupIds"},
        own=("DeleteAutomatedBackups", "AllowMajorVersionUpgrade", "ApplyImmediately"),
        # The interval of the public handler (BaseHandlerStd).
        ready="DBInstances[0].DBInstanceStatus == 'available'", every=30, tagging=_tagging("db"),
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
        updated_after=("SourceIds",), after=_set_sources, tagging=_tagging("es"),
    ),
}  # fmt: skip
