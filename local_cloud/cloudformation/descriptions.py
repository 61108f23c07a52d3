"""Stacks, resources and change sets in the shapes of CloudFormation's API reference."""

from __future__ import annotations

from typing import Any

from .stack import ChangeSet, Stack, StackResource


def without_none(values: dict[str, Any]) -> dict[str, Any]:
    """Leave out what has no value, as CloudFormation does in its answers."""
    return {key: value for key, value in values.items() if value is not None and value != ""}


def description_of(data: dict[str, Any]) -> dict[str, Any]:
    """Return the Description of a template, parameter or output, if it has one."""
    return {"Description": data["Description"]} if "Description" in data else {}


def capabilities(needed: tuple[str | None, list[str]]) -> dict[str, Any]:
    """Return the capabilities that a template needs, and why."""
    capability, resources = needed
    if capability is None:
        return {}
    reason = f"The following resource(s) require capabilities: [{', '.join(resources)}]"
    return {"Capabilities": [capability], "CapabilitiesReason": reason}


def declaration(key: str, declared: dict[str, Any]) -> dict[str, Any]:
    """Describe a template's parameter (TemplateParameter)."""
    item = {
        "ParameterKey": key,
        "NoEcho": str(declared.get("NoEcho", False)).lower() == "true",
    } | description_of(declared)
    return item | ({"DefaultValue": str(declared["Default"])} if "Default" in declared else {})


def stack_detail(stack: Stack) -> dict[str, Any]:
    """Describe a stack as DescribeStacks does."""
    specification = stack.specification
    detail: dict[str, Any] = {
        "StackId": stack.id,
        "StackName": stack.name,
        "StackStatus": stack.status,
        "StackStatusReason": stack.reason,
        "CreationTime": stack.created,
        "LastUpdatedTime": stack.updated,
        "DeletionTime": stack.deleted,
        "RoleARN": stack.role_arn,
        "DisableRollback": stack.on_failure == "DO_NOTHING",
        "EnableTerminationProtection": stack.termination_protection,
        "NotificationARNs": [],
        "RollbackConfiguration": {},
        "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
        "Outputs": stack.outputs,
        "Tags": [],
    }
    if specification:
        detail |= {
            "Description": specification.template.data.get("Description"),
            "Parameters": [item.described(key) for key, item in specification.parameters.items()],
            "Capabilities": list(specification.capabilities),
            "Tags": [{"Key": key, "Value": value} for key, value in specification.tags.items()],
        }
    return without_none(detail)


def stack_summary(stack: Stack) -> dict[str, Any]:
    """Describe a stack as ListStacks does."""
    description = stack.specification.template.data.get("Description") if stack.specification else None
    return without_none(
        {
            "StackId": stack.id,
            "StackName": stack.name,
            "StackStatus": stack.status,
            "StackStatusReason": stack.reason,
            "TemplateDescription": description,
            "CreationTime": stack.created,
            "LastUpdatedTime": stack.updated,
            "DeletionTime": stack.deleted,
            "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
        }
    )


def resource_detail(stack: Stack | None, resource: StackResource, timestamp: str) -> dict[str, Any]:
    """Describe a resource. `timestamp` is the name that the operation's answer has for the time."""
    names = {"StackName": stack.name, "StackId": stack.id} if stack else {}
    return without_none(
        names
        | {
            "LogicalResourceId": resource.logical_id,
            "PhysicalResourceId": resource.physical_id,
            "ResourceType": resource.type,
            timestamp: resource.updated,
            "ResourceStatus": resource.status,
            "ResourceStatusReason": resource.reason,
            "DriftInformation": {"StackResourceDriftStatus": "NOT_CHECKED"},
        }
    )


def change_set_detail(stack: Stack, change_set: ChangeSet) -> dict[str, Any]:
    """Describe a change set as ListChangeSets does."""
    return without_none(
        {
            "ChangeSetName": change_set.name,
            "ChangeSetId": change_set.id,
            "StackId": stack.id,
            "StackName": stack.name,
            "Description": change_set.description,
            "CreationTime": change_set.created,
            "ExecutionStatus": change_set.execution_status,
            "Status": change_set.status,
            "StatusReason": change_set.reason,
            "IncludeNestedStacks": False,
        }
    )
