"""Which permissions a request needs: actions, ARNs and condition keys ("Service Authorization Reference").

A request may need several. To create something with tags, the caller also needs the tagging action; to give a
role to a service, iam:PassRole. A request to a service without a table needs its own action only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import determine_request_protocol
from moto.core.responses import BaseResponse
from moto.core.utils import get_service_model
from moto.ec2.models import ec2_backends
from moto.iam.models import iam_backends

from ..account import ACCOUNT_ID, REGION
from ..kms.models import find_key
from .resource_context import resource_context


@dataclass(frozen=True)
class Access:
    """One permission that a request needs.

    Attributes:
        action: such as "rds:CreateDBInstance".
        resource: an ARN; "*" if the action has no resource; None if the local cloud can't tell the resource.
        context: condition keys of the request, such as aws:RequestTag/team.
    """

    action: str
    resource: str | None
    context: Mapping[str, str] = field(default_factory=dict)


def parameters_of(response: BaseResponse) -> dict[str, Any]:
    """Return the parameters of the request that moto is about to answer, by their names in botocore."""
    request = response.normalized_request
    model = get_service_model(response.boto3_service_name)
    operation = model.operation_model(response._get_action())
    parser = PROTOCOL_PARSERS[determine_request_protocol(model, request.content_type)](operation)
    parsed = parser.parse(
        {
            "method": request.method,
            "values": request.values,
            "headers": request.headers,
            "body": request.data,
            "url_path": request.path,
            "url_params": response.uri_match,
        }
    )
    return dict(parsed or {})


def accesses(service: str, operation: str, parameters: Mapping[str, Any]) -> list[Access]:
    """Return all permissions that a request needs, its own action first."""
    action = f"{service}:{operation}"
    tags = _request_tags(parameters)
    context = tags | _conditions(action, parameters)
    own = [
        Access(action, arn, context | resource_context(arn))
        for arn in _resources(service, action, parameters)
    ]
    if tags and (tagging := _TAGGING.get(action)):
        # CreateKey has no ARN yet, so the tagging is on "*", too.
        resource = f"arn:aws:kms:{_HERE}:key/*" if action == "kms:CreateKey" else own[0].resource
        own.append(Access(tagging, resource, tags))
    own += _passing(service, parameters)
    if action == "rds:CreateDBInstance":
        if "OptionGroupName" not in parameters:
            # RDS User Guide, "Identity-based policy examples": the default option group has to be allowed,
            # too.
            own.append(replace(own[0], resource=_default_option_group(parameters)))
        own += _of_database(parameters)
    if action == "rds:StartExportTask":
        own += _of_key(parameters, "KmsKeyId", "rds", ("CreateGrant", "DescribeKey"))
    if action == "tag:TagResources":
        own += [_tagging_of(arn, parameters.get("Tags", {})) for arn in parameters["ResourceARNList"]]
    return own


_HERE = f"{REGION}:{ACCOUNT_ID}"
# Service -> the parameters that name its resources, and the ARN of a value that is not an ARN itself.
_NAMES: dict[str, dict[str, str]] = {
    "cloudformation": {"StackName": f"cloudformation:{_HERE}:stack/{{}}/*"},
    "cloudwatch": {
        **dict.fromkeys(("AlarmName", "AlarmNames", "ResourceARN"), f"cloudwatch:{_HERE}:alarm:{{}}"),
        **dict.fromkeys(("DashboardName", "DashboardNames"), f"cloudwatch::{ACCOUNT_ID}:dashboard/{{}}"),
    },
    "events": dict.fromkeys(("Name", "Rule", "ResourceARN"), f"events:{_HERE}:rule/{{}}"),
    "iam": {"RoleName": "role", "PolicyName": "policy", "PolicyArn": "policy"},
    "kms": {"KeyId": "key", "TargetKeyId": "key", "AliasName": f"kms:{_HERE}:{{}}"},
    "lambda": dict.fromkeys(("FunctionName", "Resource"), f"lambda:{_HERE}:function:{{}}"),
    "logs": dict.fromkeys(("logGroupName", "resourceArn"), f"logs:{_HERE}:log-group:{{}}"),
    "rds": {
        "DBInstanceIdentifier": f"rds:{_HERE}:db:{{}}",
        "DBSnapshotIdentifier": f"rds:{_HERE}:snapshot:{{}}",
        "DBSubnetGroupName": f"rds:{_HERE}:subgrp:{{}}",
        "DBParameterGroupName": f"rds:{_HERE}:pg:{{}}",
        "OptionGroupName": f"rds:{_HERE}:og:{{}}",
        "SubscriptionName": f"rds:{_HERE}:es:{{}}",
        "ResourceName": "{}",
        "SourceArn": "{}",
    },
    "resource-groups": dict.fromkeys(("GroupName", "Group", "Arn"), f"resource-groups:{_HERE}:group/{{}}"),
    "servicecatalog": {"ProductId": f"catalog:{_HERE}:product/{{}}"},
    "servicequotas": {},
    "sns": dict.fromkeys(("TopicArn", "ResourceArn", "Name"), f"sns:{_HERE}:{{}}"),
    "sqs": {"QueueUrl": "queue", "QueueName": f"sqs:{_HERE}:{{}}"},
    "states": dict.fromkeys(
        ("stateMachineArn", "executionArn", "resourceArn", "name"), f"states:{_HERE}:stateMachine:{{}}"
    ),
    "tag": {},
}
# Actions whose resource is in only one of these parameters, or in none.
_ONLY = {
    **{
        f"iam:{operation}RolePolicy": {"RoleName"}
        for operation in ("Attach", "Delete", "Detach", "Get", "Put")
    },
    "states:StartExecution": {"stateMachineArn"},
    "ec2:CreateRoute": {"RouteTableId"},
    "ec2:ReplaceRoute": {"RouteTableId"},
    "resource-groups:CreateGroup": set(),
    "kms:ListAliases": set(),
}
# EC2's resource types by the prefix of their ids, and the types that its actions create.
_EC2_TYPES = {
    "eipalloc": "elastic-ip", "fl": "vpc-flow-log", "igw": "internet-gateway", "nat": "natgateway",
    "rtb": "route-table", "sg": "security-group", "subnet": "subnet", "vpc": "vpc", "vpce": "vpc-endpoint",
}  # fmt: skip
_EC2_NEW = {
    "ec2:AllocateAddress": "elastic-ip", "ec2:CreateFlowLogs": "vpc-flow-log",
    "ec2:CreateInternetGateway": "internet-gateway", "ec2:CreateNatGateway": "natgateway",
    "ec2:CreateRouteTable": "route-table", "ec2:CreateSecurityGroup": "security-group",
    "ec2:CreateSubnet": "subnet", "ec2:CreateVpc": "vpc", "ec2:CreateVpcEndpoint": "vpc-endpoint",
}  # fmt: skip
# Creating action -> the action that its tags need, too.
_TAGGING = {
    **dict.fromkeys(_EC2_NEW, "ec2:CreateTags"),
    **{
        f"rds:Create{kind}": "rds:AddTagsToResource"
        for kind in ("DBInstance", "DBSnapshot", "DBSubnetGroup", "DBParameterGroup", "EventSubscription")
    },
    "cloudformation:CreateChangeSet": "cloudformation:TagResource",
    "cloudwatch:PutMetricAlarm": "cloudwatch:TagResource",
    "cloudwatch:PutDashboard": "cloudwatch:TagResource",
    "events:PutRule": "events:TagResource",
    "iam:CreateRole": "iam:TagRole",
    "kms:CreateKey": "kms:TagResource",
    "lambda:CreateFunction": "lambda:TagResource",
    "logs:CreateLogGroup": "logs:TagResource",
    "sns:CreateTopic": "sns:TagResource",
    "states:CreateStateMachine": "states:TagResource",
}
# Parameters that give a role to a service.
_ROLES = {
    ("cloudformation", "RoleARN"): "cloudformation",
    ("ec2", "DeliverLogsPermissionArn"): "vpc-flow-logs",
    ("events", "RoleArn"): "events",
    ("lambda", "Role"): "lambda",
    ("rds", "IamRoleArn"): "export.rds",
    ("rds", "MonitoringRoleArn"): "monitoring.rds",
    ("states", "roleArn"): "states",
}


def _resources(service: str, action: str, parameters: Mapping[str, Any]) -> list[str] | list[None]:
    if service == "ec2":
        return list(_of_ec2(action, parameters))
    if service not in _NAMES:
        return [None]
    if action == "kms:CreateKey":
        return ["*"]
    names = _NAMES[service]
    found = [
        _arn(names[parameter], str(value), parameters)
        for parameter, given in parameters.items()
        if parameter in names and parameter in _ONLY.get(action, {parameter})
        for value in (given if isinstance(given, list) else [given])
    ]
    if action in ("kms:DeleteAlias", "kms:UpdateAlias"):
        # KMS Developer Guide, "Controlling access to aliases": the alias's present key counts, too.
        found.append(_key_arn(parameters["AliasName"]))
    return found or ["*"]


def _arn(kind: str, value: str, parameters: Mapping[str, Any]) -> str:
    if kind == "key":
        return _key_arn(value)
    if value.startswith("arn:"):
        return value
    if kind == "queue":
        return f"arn:aws:sqs:{_HERE}:{value.rpartition('/')[2]}"
    if kind == "role":
        return _role_arn(value, parameters)
    if kind == "policy":
        return f"arn:aws:iam::{ACCOUNT_ID}:policy{parameters.get('Path', '/')}{value}"
    return f"arn:aws:{kind.format(value)}"


def _role_arn(name: str, parameters: Mapping[str, Any]) -> str:
    roles = {role.name: str(role.arn) for role in list(iam_backends[ACCOUNT_ID]["aws"].roles.values())}
    return roles.get(name, f"arn:aws:iam::{ACCOUNT_ID}:role{parameters.get('Path', '/')}{name}")


def _key_arn(key: str) -> str:
    found = find_key(key)
    return str(found.arn) if found else f"arn:aws:kms:{_HERE}:key/{key.rpartition('/')[2]}"


def _of_ec2(action: str, parameters: Mapping[str, Any]) -> Iterator[str]:
    if action.startswith("ec2:Describe"):
        yield "*"
        return
    if action in _EC2_NEW:
        yield f"arn:aws:ec2:{_HERE}:{_EC2_NEW[action]}/*"
    for parameter, given in parameters.items():
        if parameter not in _ONLY.get(action, {parameter}):
            continue
        for value in given if isinstance(given, list) else [given]:
            if match := re.fullmatch(r"([a-z]+)-[0-9a-f]{8,17}", str(value)):
                yield f"arn:aws:ec2:{_HERE}:{_ec2_part(match[1], str(value))}"


def _ec2_part(prefix: str, resource_id: str) -> str:
    """Return the last part of an ARN. An association of a subnet stands for its route table."""
    if prefix == "rtbassoc":
        for table in list(ec2_backends[ACCOUNT_ID][REGION].route_tables.values()):
            if resource_id in table.all_associations_ids:
                return f"route-table/{table.id}"
    return f"{_EC2_TYPES.get(prefix, prefix)}/{resource_id}"


def _request_tags(parameters: Mapping[str, Any]) -> dict[str, str]:
    given: Any = parameters.get("Tags") or parameters.get("tags") or parameters.get("TagList") or []
    for specification in parameters.get("TagSpecifications", []):
        given = [*given, *specification.get("Tags", [])]
    pairs = (
        given.items()
        if isinstance(given, dict)
        else (tuple(tag.values())[:2] for tag in map(_ordered, given))
    )
    return {f"aws:RequestTag/{key}": str(value) for key, value in pairs}


def _ordered(tag: Mapping[str, str]) -> dict[str, str]:
    """Return a tag's key and value under one order, whatever the service calls them."""
    return dict(sorted(tag.items(), key=lambda item: item[0].lower().endswith("value")))


def _conditions(action: str, parameters: Mapping[str, Any]) -> dict[str, str]:
    keys = {
        "cloudformation:CreateChangeSet": {"RoleARN": "cloudformation:RoleArn"},
        "iam:AttachRolePolicy": {"PolicyArn": "iam:PolicyARN"},
        "iam:DetachRolePolicy": {"PolicyArn": "iam:PolicyARN"},
        "iam:CreateRole": {"PermissionsBoundary": "iam:PermissionsBoundary"},
        "iam:PutRolePermissionsBoundary": {"PermissionsBoundary": "iam:PermissionsBoundary"},
        "iam:CreateServiceLinkedRole": {"AWSServiceName": "iam:AWSServiceName"},
    }
    found = {key: parameters[name] for name, key in keys.get(action, {}).items() if name in parameters}
    if action in _OF_BOUNDED_ROLES and (boundary := _boundary(parameters["RoleName"])):
        found["iam:PermissionsBoundary"] = boundary
    return found


# Actions with iam:PermissionsBoundary of the role's present boundary. UpdateAssumeRolePolicy has none.
_OF_BOUNDED_ROLES = {
    *(f"iam:{verb}RolePolicy" for verb in ("Attach", "Delete", "Detach", "Put")),
    "iam:DeleteRolePermissionsBoundary",
}


def _boundary(role_name: str) -> str | None:
    roles = list(iam_backends[ACCOUNT_ID]["aws"].roles.values())
    return next((role.permissions_boundary_arn for role in roles if role.name == role_name), None)


def _passing(service: str, parameters: Mapping[str, Any]) -> list[Access]:
    requests = [parameters, *(target for target in parameters.get("Targets", []) if isinstance(target, dict))]
    return [
        Access("iam:PassRole", request[name], {"iam:PassedToService": f"{receiver}.amazonaws.com"})
        for (owner, name), receiver in _ROLES.items()
        for request in requests
        if owner == service and request.get(name)
    ]


def _default_option_group(parameters: Mapping[str, Any]) -> str:
    major = str(parameters.get("EngineVersion", "")).partition(".")[0]
    return f"arn:aws:rds:{_HERE}:og:default:{parameters.get('Engine')}-{major}"


def _of_database(parameters: Mapping[str, Any]) -> Iterator[Access]:
    """RDS User Guide: "Password management with … AWS Secrets Manager", "Encrypting Amazon RDS resources"."""
    secret = f"arn:aws:secretsmanager:{_HERE}:secret:rds!db-*"
    of_secret = ("CreateGrant", "Decrypt", "DescribeKey", "GenerateDataKey")
    yield from _of_key(parameters, "KmsKeyId", "rds", ("CreateGrant", "DescribeKey"))
    yield from _of_key(parameters, "MasterUserSecretKmsKeyId", "secretsmanager", of_secret)
    if parameters.get("ManageMasterUserPassword"):
        yield Access("secretsmanager:CreateSecret", secret)
        yield Access("secretsmanager:TagResource", secret)


def _of_key(
    parameters: Mapping[str, Any], parameter: str, service: str, actions: Iterable[str]
) -> Iterator[Access]:
    """Return what `service` does in the caller's name with the key that a parameter names."""
    if parameters.get(parameter):
        arn = _key_arn(parameters[parameter])
        via = {"kms:ViaService": f"{service}.{REGION}.amazonaws.com"}
        for action in actions:
            yield Access(f"kms:{action}", arn, via | resource_context(arn))


def _tagging_of(arn: str, tags: Mapping[str, str]) -> Access:
    """Resource Groups Tagging API Reference, TagResources: "you also need permissions of the service"."""
    service, resource = arn.split(":")[2], arn.split(":", 5)[5]
    if service == "ec2":
        # moto's tagging API invents resource types; the prefix of the id tells EC2's.
        resource_id = resource.rpartition("/")[2]
        arn = f"arn:aws:ec2:{_HERE}:{_ec2_part(resource_id.partition('-')[0], resource_id)}"
    actions = {
        "ec2": "ec2:CreateTags",
        "iam": f"iam:Tag{resource.partition('/')[0].capitalize()}",
        "rds": "rds:AddTagsToResource",
        "s3": "s3:PutBucketTagging",
    }
    context = {f"aws:RequestTag/{key}": value for key, value in tags.items()}
    return Access(actions.get(service, f"{service}:TagResource"), arn, context | resource_context(arn))
