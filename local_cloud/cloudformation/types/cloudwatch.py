"""AWS::CloudWatch and AWS::Logs."""

from __future__ import annotations

from collections.abc import Mapping

from ..api_object import Api
from ..provider import Call, Properties, Provider, Tagging


def _log_group_settings(call: Call, group: str, old: Properties, new: Properties) -> None:
    logs = call.client("logs")
    if new.get("RetentionInDays") != old.get("RetentionInDays"):
        if "RetentionInDays" in new:
            logs.put_retention_policy(logGroupName=group, retentionInDays=new["RetentionInDays"])
        else:
            logs.delete_retention_policy(logGroupName=group)
    if old and new.get("KmsKeyId") != old.get("KmsKeyId"):
        if "KmsKeyId" in new:
            logs.associate_kms_key(logGroupName=group, kmsKeyId=new["KmsKeyId"])
        else:
            logs.disassociate_kms_key(logGroupName=group)


def _metric_transformations(properties: Properties) -> Properties:
    """Turn Dimensions, a list in the template, into the API's map."""

    def one(transformation: Properties) -> Properties:
        dimensions = {item["Key"]: item["Value"] for item in transformation.get("Dimensions", [])}
        return transformation | ({"Dimensions": dimensions} if dimensions else {})

    return properties | {"MetricTransformations": [one(item) for item in properties["MetricTransformations"]]}


_LOG_GROUP_ARN = "arn:aws:logs:{region}:{account}:log-group:{id}"

TYPES: Mapping[str, Provider] = {
    "AWS::CloudWatch::Alarm": Api(
        service="cloudwatch", create_call="put_metric_alarm", update_call="put_metric_alarm", resend=True,
        id="{AlarmName}",
        key=("AlarmName",), delete_call="delete_alarms", name="AlarmName", name_limit=255,
        tagging=Tagging(key="ResourceARN", value="arn:aws:cloudwatch:{region}:{account}:alarm:{id}"),
        attributes={"Arn": "arn:aws:cloudwatch:{region}:{account}:alarm:{id}"},
    ),
    "AWS::CloudWatch::Dashboard": Api(
        service="cloudwatch", create_call="put_dashboard", update_call="put_dashboard", resend=True,
        id="{DashboardName}",
        key=("DashboardName",), delete_call="delete_dashboards", name="DashboardName", name_limit=255,
    ),
    "AWS::Logs::LogGroup": Api(
        service="logs", create_call="create_log_group", id="{LogGroupName}", key=("LogGroupName",),
        own=("RetentionInDays",),
        updated_after=("KmsKeyId",), after=_log_group_settings, delete_call="delete_log_group",
        name="LogGroupName",
        name_limit=512, gone=("ResourceNotFoundException",), tagging=Tagging(value=_LOG_GROUP_ARN),
        attributes={"Arn": f"{_LOG_GROUP_ARN}:*"},
    ),
    "AWS::Logs::MetricFilter": Api(
        service="logs", create_call="put_metric_filter", update_call="put_metric_filter", resend=True,
        id="{FilterName}",
        key={"LogGroupName": "{LogGroupName}", "FilterName": "{id}"}, reshape=_metric_transformations,
        delete_call="delete_metric_filter", name="FilterName", name_limit=512,
        gone=("ResourceNotFoundException",),
    ),
    "AWS::Logs::ResourcePolicy": Api(
        service="logs", create_call="put_resource_policy", update_call="put_resource_policy", resend=True,
        id="{PolicyName}",
        key=("PolicyName",), delete_call="delete_resource_policy", gone=("ResourceNotFoundException",),
    ),
}  # fmt: skip
