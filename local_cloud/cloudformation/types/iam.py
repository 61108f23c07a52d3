"""AWS::IAM."""
# The methods are described by Provider.
# ruff: noqa: ARG002, D102

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from ..api_object import Api
from ..provider import Call, Properties, Provider, Tagging
from .documents import Document

_PRINCIPALS = {"Roles": "role", "Users": "user", "Groups": "group"}


def _inline(properties: Properties) -> dict[str, Any]:
    return {policy["PolicyName"]: policy["PolicyDocument"] for policy in properties.get("Policies", [])}


def _role_policies(call: Call, role: str, old: Properties, new: Properties) -> None:
    _role_boundary(call, role, old, new)
    iam = call.client("iam")
    before, now = _inline(old), _inline(new)
    for name in before.keys() - now.keys():
        iam.delete_role_policy(RoleName=role, PolicyName=name)
    for name, document in now.items():
        if before.get(name) != document:
            iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))
    attached, wanted = old.get("ManagedPolicyArns", []), new.get("ManagedPolicyArns", [])
    for arn in set(attached) - set(wanted):
        iam.detach_role_policy(RoleName=role, PolicyArn=arn)
    for arn in wanted:
        if arn not in attached:
            iam.attach_role_policy(RoleName=role, PolicyArn=arn)
    if old and old["AssumeRolePolicyDocument"] != new["AssumeRolePolicyDocument"]:
        iam.update_assume_role_policy(
            RoleName=role, PolicyDocument=json.dumps(new["AssumeRolePolicyDocument"])
        )


def _role_boundary(call: Call, role: str, old: Properties, new: Properties) -> None:
    """Change an existing role's permissions boundary; CreateRole sets that of a new role."""
    before, now = old.get("PermissionsBoundary"), new.get("PermissionsBoundary")
    if not old or before == now:
        return
    iam = call.client("iam")
    if now:
        iam.put_role_permissions_boundary(RoleName=role, PermissionsBoundary=now)
    else:
        iam.delete_role_permissions_boundary(RoleName=role)


def _strip_role(call: Call, role: str, properties: Properties) -> None:
    """Remove the template's policies. The role can't be deleted while it has a policy of others."""
    iam = call.client("iam")
    for name in _inline(properties):
        _if_there(iam.delete_role_policy, RoleName=role, PolicyName=name)
    for arn in properties.get("ManagedPolicyArns", []):
        _if_there(iam.detach_role_policy, RoleName=role, PolicyArn=arn)


def _if_there(method: Any, **parameters: Any) -> None:
    try:
        method(**parameters)
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchEntity":
            raise


class InlinePolicy(Document):
    """AWS::IAM::Policy: one document on several roles, users and groups."""

    def put(self, call: Call, properties: Properties) -> None:
        iam, document = call.client("iam"), json.dumps(properties["PolicyDocument"])
        for group, kind in _PRINCIPALS.items():
            for name in properties.get(group, []):
                owner = {f"{kind.capitalize()}Name": name}
                getattr(iam, f"put_{kind}_policy")(
                    **owner, PolicyName=properties["PolicyName"], PolicyDocument=document
                )

    def update(self, call: Call, physical_id: str, old: Properties, new: Properties) -> str:
        self.put(call, new)
        renamed = old["PolicyName"] != new["PolicyName"]
        gone = {
            group: old.get(group, []) if renamed else set(old.get(group, [])) - set(new.get(group, []))
            for group in _PRINCIPALS
        }
        self._remove(call, old["PolicyName"], gone)
        return physical_id

    def delete(self, call: Call, physical_id: str, properties: Properties) -> None:
        self._remove(
            call, properties["PolicyName"], {group: properties.get(group, []) for group in _PRINCIPALS}
        )

    @staticmethod
    def _remove(call: Call, policy: str, owners: Mapping[str, Any]) -> None:
        for group, kind in _PRINCIPALS.items():
            for name in owners[group]:
                method = getattr(call.client("iam"), f"delete_{kind}_policy")
                _if_there(method, **{f"{kind.capitalize()}Name": name}, PolicyName=policy)


def _managed_policy(call: Call, arn: str, old: Properties, new: Properties) -> None:
    iam = call.client("iam")
    if old and old["PolicyDocument"] != new["PolicyDocument"]:
        # IAM keeps five versions at most; CloudFormation leaves only the new one.
        iam.create_policy_version(
            PolicyArn=arn, PolicyDocument=json.dumps(new["PolicyDocument"]), SetAsDefault=True
        )
        _delete_versions(call, arn)
    for group, kind in _PRINCIPALS.items():
        before, now = old.get(group, []), new.get(group, [])
        for name in set(before) - set(now):
            _if_there(
                getattr(iam, f"detach_{kind}_policy"), **{f"{kind.capitalize()}Name": name}, PolicyArn=arn
            )
        for name in now:
            if name not in before:
                getattr(iam, f"attach_{kind}_policy")(**{f"{kind.capitalize()}Name": name}, PolicyArn=arn)


def _delete_versions(call: Call, arn: str) -> None:
    iam = call.client("iam")
    for version in iam.list_policy_versions(PolicyArn=arn)["Versions"]:
        if not version["IsDefaultVersion"]:
            iam.delete_policy_version(PolicyArn=arn, VersionId=version["VersionId"])


def _detach_managed_policy(call: Call, arn: str, properties: Properties) -> None:
    plain = {key: value for key, value in properties.items() if key not in _PRINCIPALS}
    _managed_policy(call, arn, properties, plain)
    _delete_versions(call, arn)


TYPES: Mapping[str, Provider] = {
    "AWS::IAM::Role": Api(
        service="iam", create_call="create_role", update_call="update_role", id="Role.RoleName",
        key=("RoleName",),
        own=("Policies", "ManagedPolicyArns"),
        updated_after=("AssumeRolePolicyDocument", "PermissionsBoundary"),
        after=_role_policies,
        before_delete=_strip_role, delete_call="delete_role", read_call="get_role", name="RoleName",
        gone=("NoSuchEntity",),
        tagging=Tagging(tag="tag_role", untag="untag_role", key="RoleName"),
        attributes={"Arn": "Role.Arn", "RoleId": "Role.RoleId"}, seconds=15,
    ),
    "AWS::IAM::Policy": InlinePolicy(),
    "AWS::IAM::ManagedPolicy": Api(
        service="iam", create_call="create_policy", id="Policy.Arn", key=("PolicyArn",),
        renames={"ManagedPolicyName": "PolicyName"},
        own=("Roles", "Users", "Groups"), updated_after=("PolicyDocument",), after=_managed_policy,
        before_delete=_detach_managed_policy, delete_call="delete_policy", name="ManagedPolicyName",
        name_limit=128,
        gone=("NoSuchEntity",), attributes={"PolicyArn": "{id}"}, seconds=15,
    ),
}  # fmt: skip
