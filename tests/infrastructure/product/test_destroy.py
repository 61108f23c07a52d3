"""Deleting a stack leaves nothing. Each audit finds one trap, and each trap is set again to prove the audit.

Earlier product teams met these traps. Where AWS or a tool documents one, the audit names the source.
"""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from product_template.releasing.released_versions import JsonTemplate
from tests.support.reading import text

Audit = Callable[[JsonTemplate], list[str]]
DATABASE_LOGS = "/aws/rds/instance/"


def of_type(template: JsonTemplate, *resource_types: str) -> dict[str, Any]:
    return {
        logical_id: resource
        for logical_id, resource in template["Resources"].items()
        if resource["Type"] in resource_types
    }


def references(value: Any) -> Iterator[str]:
    """The logical ids that a value refers to."""
    if isinstance(value, dict):
        if isinstance(name := value.get("Ref"), str):
            yield name
        if isinstance(target := value.get("Fn::GetAtt"), list):
            yield target[0]
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def needs(template: JsonTemplate, logical_id: str) -> set[str]:
    """The resources that a resource is created after, and so deleted before."""
    found: set[str] = set()
    pending = [logical_id]
    while pending:
        resource = template["Resources"].get(pending.pop(), {})
        direct = resource.get("DependsOn", [])
        for name in {*([direct] if isinstance(direct, str) else direct), *references(resource)} - found:
            found.add(name)
            pending.append(name)
    return found


def statements(template: JsonTemplate, role: str) -> list[dict[str, Any]]:
    """The statements of all policies of a role."""
    properties = template["Resources"][role]["Properties"]
    documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
    for policy in properties.get("ManagedPolicyArns", []):
        documents += [
            template["Resources"][name]["Properties"]["PolicyDocument"] for name in references(policy)
        ]
    return [statement for document in documents for statement in document["Statement"]]


def allowed_actions(template: JsonTemplate, role: str) -> set[str]:
    return {
        action
        for statement in statements(template, role)
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    }


def kept_resources(template: JsonTemplate) -> list[str]:
    """Everything says Delete, because the defaults of some types are Snapshot or Retain."""
    return [
        logical_id
        for logical_id, resource in template["Resources"].items()
        if (resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy")) != ("Delete", "Delete")
    ]


def kept_backups(template: JsonTemplate) -> list[str]:
    """Automated backups go with the instance (RDS User Guide, "Retaining automated backups")."""
    instances = of_type(template, "AWS::RDS::DBInstance").items()
    return [name for name, one in instances if one["Properties"].get("DeleteAutomatedBackups") is not True]


def protected_databases(template: JsonTemplate) -> list[str]:
    """RDS refuses to delete a protected instance."""
    instances = of_type(template, "AWS::RDS::DBInstance").items()
    return [name for name, one in instances if one["Properties"].get("DeletionProtection") is not False]


def database_logs_that_come_back(template: JsonTemplate) -> list[str]:
    """RDS writes to a log group, and creates it, while the instance exists: so the instance goes first."""
    found = []
    for name, instance in of_type(template, "AWS::RDS::DBInstance").items():
        properties = instance["Properties"]
        if "DBInstanceIdentifier" not in properties:
            found.append(f"{name}: no fixed identifier, so its log groups have no known names")
            continue
        identifier = text(properties["DBInstanceIdentifier"])
        deleted_later = {
            text(template["Resources"][one]["Properties"]["LogGroupName"])
            for one in needs(template, name) & of_type(template, "AWS::Logs::LogGroup").keys()
        }
        wanted = {f"{DATABASE_LOGS}{identifier}/{log}" for log in properties["EnableCloudwatchLogsExports"]}
        found += sorted(wanted - deleted_later)
    return found


def custom_log_retention(template: JsonTemplate) -> list[str]:
    """The CDK's LogRetention leaves two log groups: the one that it is for, and its own function's."""
    return list(of_type(template, "Custom::LogRetention"))


def function_logs_that_come_back(template: JsonTemplate) -> list[str]:
    """A function logs to a group of the stack and cannot create one (aws-cdk issues 24815, 33025)."""
    found = []
    for name, function in of_type(template, "AWS::Lambda::Function").items():
        group = function["Properties"].get("LoggingConfig", {}).get("LogGroup", {})
        if not set(references(group)) & of_type(template, "AWS::Logs::LogGroup").keys():
            found.append(f"{name}: its log group is not the stack's")
        [role] = set(references(function["Properties"]["Role"]))
        if {"logs:CreateLogGroup", "logs:*", "*"} & allowed_actions(template, role):
            found.append(f"{name}: may create log groups")
        if any("service-role/AWSLambda" in text(arn) for arn in managed_policies(template, role)):
            found.append(f"{name}: may create log groups by AWS's managed policy")
    return found


def managed_policies(template: JsonTemplate, role: str) -> list[Any]:
    policies: list[Any] = template["Resources"][role]["Properties"].get("ManagedPolicyArns", [])
    return policies


def late_flow_logs(template: JsonTemplate) -> list[str]:
    """Flow logs arrive minutes late, and create a deleted group again if their role allows it."""
    found = []
    for name, flow_log in of_type(template, "AWS::EC2::FlowLog").items():
        [role] = set(references(flow_log["Properties"]["DeliverLogsPermissionArn"]))
        if "logs:CreateLogGroup" in allowed_actions(template, role):
            found.append(f"{name}: may create log groups")
        group = set(references(flow_log["Properties"]["LogGroupName"]))
        if not group & of_type(template, "AWS::Logs::LogGroup").keys():
            found.append(f"{name}: logs to a group that is not the stack's")
    return found


def logs_kept_forever(template: JsonTemplate) -> list[str]:
    groups = of_type(template, "AWS::Logs::LogGroup").items()
    return [name for name, group in groups if "RetentionInDays" not in group["Properties"]]


def functions_in_the_network(template: JsonTemplate) -> list[str]:
    """Their network interfaces take up to 40 minutes to go (cloudformation-coverage-roadmap issue 392)."""
    functions = of_type(template, "AWS::Lambda::Function").items()
    return [name for name, function in functions if "VpcConfig" in function["Properties"]]


def keys_pending_longer_than_they_must(template: JsonTemplate) -> list[str]:
    """Seven days is the least that KMS waits (KMS API reference, "ScheduleKeyDeletion")."""
    keys = of_type(template, "AWS::KMS::Key").items()
    return [name for name, key in keys if key["Properties"].get("PendingWindowInDays") != 7]


def buckets_that_are_not_emptied(template: JsonTemplate) -> list[str]:
    """S3 deletes no bucket with objects, versions or delete markers in it."""
    emptied = {
        name
        for one in of_type(template, "Custom::EmptyBucketOnDelete").values()
        for name in references(one["Properties"]["BucketName"])
    }
    return sorted(of_type(template, "AWS::S3::Bucket").keys() - emptied)


def buckets_filled_again(template: JsonTemplate) -> list[str]:
    """The emptier sets a policy that refuses new objects, so the template's policy must be deleted before."""
    found = []
    for name, emptying in of_type(template, "Custom::EmptyBucketOnDelete").items():
        [bucket] = set(references(emptying["Properties"]["BucketName"]))
        for policy, one in of_type(template, "AWS::S3::BucketPolicy").items():
            if bucket in references(one["Properties"]["Bucket"]) and name not in needs(template, policy):
                found.append(
                    f"{policy}: deleted after {bucket} was emptied, and the emptier's policy with it"
                )
    return found


def access_logs_in_the_bucket_they_are_about(template: JsonTemplate) -> list[str]:
    """A bucket that logs to itself logs its own emptying, and S3 delivers no access logs under our key."""
    return [
        name
        for name, bucket in of_type(template, "AWS::S3::Bucket").items()
        if name in references(bucket["Properties"].get("LoggingConfiguration"))
    ]


def backup_vaults(template: JsonTemplate) -> list[str]:
    """A vault with recovery points cannot be deleted."""
    return [name for name, one in template["Resources"].items() if one["Type"].startswith("AWS::Backup::")]


def secrets_with_a_recovery_window(template: JsonTemplate) -> list[str]:
    """RDS deletes the master secret with the instance. Another secret would keep its name for days."""
    return list(of_type(template, "AWS::SecretsManager::Secret"))


def assets(template: JsonTemplate) -> list[str]:
    """If somebody deletes the code from its bucket, the stack can no longer be deleted."""
    return [
        name
        for name, function in of_type(template, "AWS::Lambda::Function").items()
        if set(function["Properties"]["Code"]) != {"ZipFile"}
    ]


def parameter_groups_without_their_family(template: JsonTemplate) -> list[str]:
    """A major upgrade needs the old and the new group side by side, under two names."""
    return [
        name
        for name, group in of_type(template, "AWS::RDS::DBParameterGroup").items()
        if group["Properties"]["Family"] not in text(group["Properties"].get("DBParameterGroupName", ""))
    ]


def policies_gone_before_those_who_need_them(template: JsonTemplate) -> list[str]:
    """The function that empties a bucket runs during the deletion, so its policy is deleted after that."""
    found = []
    for name, one in template["Resources"].items():
        if one["Type"].startswith("Custom::"):
            [function] = {*references(one["Properties"]["ServiceToken"])}
            [role] = set(references(template["Resources"][function]["Properties"]["Role"]))
            policies = {p for arn in managed_policies(template, role) for p in references(arn)}
            if not policies or not {function, role, *policies} <= needs(template, name):
                found.append(name)
    return found


AUDITS: list[Audit] = [
    kept_resources,
    kept_backups,
    protected_databases,
    database_logs_that_come_back,
    custom_log_retention,
    function_logs_that_come_back,
    late_flow_logs,
    logs_kept_forever,
    functions_in_the_network,
    keys_pending_longer_than_they_must,
    buckets_that_are_not_emptied,
    buckets_filled_again,
    access_logs_in_the_bucket_they_are_about,
    backup_vaults,
    secrets_with_a_recovery_window,
    assets,
    parameter_groups_without_their_family,
    policies_gone_before_those_who_need_them,
]


@pytest.mark.parametrize("audit", AUDITS, ids=lambda audit: audit.__name__)
def test_the_product_has_none_of(product_template: JsonTemplate, audit: Audit) -> None:
    assert audit(product_template) == []


def set_property(logical_id: str, name: str, value: Any) -> Callable[[JsonTemplate], None]:
    def change(template: JsonTemplate) -> None:
        template["Resources"][logical_id]["Properties"][name] = value

    return change


def remove_property(logical_id: str, name: str) -> Callable[[JsonTemplate], None]:
    def change(template: JsonTemplate) -> None:
        del template["Resources"][logical_id]["Properties"][name]

    return change


def remove_resource(logical_id: str) -> Callable[[JsonTemplate], None]:
    def change(template: JsonTemplate) -> None:
        del template["Resources"][logical_id]

    return change


def remove_dependencies(logical_id: str) -> Callable[[JsonTemplate], None]:
    def change(template: JsonTemplate) -> None:
        del template["Resources"][logical_id]["DependsOn"]

    return change


def set_policy(logical_id: str, policy: str) -> Callable[[JsonTemplate], None]:
    def change(template: JsonTemplate) -> None:
        template["Resources"][logical_id]["DeletionPolicy"] = policy

    return change


def add(resource_type: str) -> Callable[[JsonTemplate], None]:
    def change(template: JsonTemplate) -> None:
        template["Resources"]["Trap"] = {
            "Type": resource_type,
            "Properties": {},
            "DeletionPolicy": "Delete",
            "UpdateReplacePolicy": "Delete",
        }

    return change


def allow(policy: str, action: str) -> Callable[[JsonTemplate], None]:
    def change(template: JsonTemplate) -> None:
        document = template["Resources"][policy]["Properties"]["PolicyDocument"]
        document["Statement"].append({"Effect": "Allow", "Action": action, "Resource": "*"})

    return change


TRAPS: list[tuple[str, Audit, Callable[[JsonTemplate], None]]] = [
    ("a final snapshot", kept_resources, set_policy("DatabaseInstance", "Snapshot")),
    ("a retained key", kept_resources, set_policy("EncryptionKey", "Retain")),
    ("no policy at all", kept_resources, lambda t: t["Resources"]["BackupsBucket"].pop("DeletionPolicy")),
    ("automated backups", kept_backups, set_property("DatabaseInstance", "DeleteAutomatedBackups", False)),
    ("backups by default", kept_backups, remove_property("DatabaseInstance", "DeleteAutomatedBackups")),
    ("protection", protected_databases, set_property("DatabaseInstance", "DeletionProtection", True)),
    (
        "one more exported log",
        database_logs_that_come_back,
        set_property("DatabaseInstance", "EnableCloudwatchLogsExports", ["postgresql", "another"]),
    ),
    ("log groups that go first", database_logs_that_come_back, remove_dependencies("DatabaseInstance")),
    (
        "an identifier made up by AWS",
        database_logs_that_come_back,
        remove_property("DatabaseInstance", "DBInstanceIdentifier"),
    ),
    ("the CDK's log retention", custom_log_retention, add("Custom::LogRetention")),
    (
        "Lambda's own log group",
        function_logs_that_come_back,
        remove_property("BackupsEmptier", "LoggingConfig"),
    ),
    (
        "a function that may create log groups",
        function_logs_that_come_back,
        allow("NetworkCloserRolePolicy", "logs:CreateLogGroup"),
    ),
    (
        "AWS's managed policy for functions",
        function_logs_that_come_back,
        lambda t: t["Resources"]["NetworkCloserRole"]["Properties"]["ManagedPolicyArns"].append(
            "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
        ),
    ),
    (
        "flow logs that may create log groups",
        late_flow_logs,
        allow("NetworkFlowLogRolePolicy", "logs:CreateLogGroup"),
    ),
    (
        "flow logs to a foreign group",
        late_flow_logs,
        set_property("NetworkFlowLog", "LogGroupName", "/aws/vpc/flow-log"),
    ),
    ("a log without retention", logs_kept_forever, remove_property("ExportsLog", "RetentionInDays")),
    ("a function in the VPC", functions_in_the_network, set_property("BackupsEmptier", "VpcConfig", {})),
    (
        "a month's wait",
        keys_pending_longer_than_they_must,
        remove_property("EncryptionKey", "PendingWindowInDays"),
    ),
    (
        "a bucket that keeps its objects",
        buckets_that_are_not_emptied,
        remove_resource("BackupsEmptyLogOnDelete"),
    ),
    ("a bucket open until it goes", buckets_filled_again, remove_dependencies("BackupsBucketPolicy")),
    (
        "a bucket that logs into itself",
        access_logs_in_the_bucket_they_are_about,
        set_property(
            "BackupsBucket", "LoggingConfiguration", {"DestinationBucketName": {"Ref": "BackupsBucket"}}
        ),
    ),
    ("a backup vault", backup_vaults, add("AWS::Backup::BackupVault")),
    ("a secret of our own", secrets_with_a_recovery_window, add("AWS::SecretsManager::Secret")),
    (
        "code in a bucket",
        assets,
        set_property("BackupsEmptier", "Code", {"S3Bucket": "assets", "S3Key": "code.zip"}),
    ),
    (
        "a parameter group that blocks an upgrade",
        parameter_groups_without_their_family,
        set_property("DatabaseParameterGroup", "DBParameterGroupName", "parameter-group"),
    ),
    (
        "a function without permissions while it is needed",
        policies_gone_before_those_who_need_them,
        set_property("BackupsEmptierRole", "ManagedPolicyArns", []),
    ),
]


@pytest.mark.parametrize(("audit", "trap"), [trap[1:] for trap in TRAPS], ids=[trap[0] for trap in TRAPS])
def test_the_audit_notices(
    product_template: JsonTemplate, audit: Audit, trap: Callable[[JsonTemplate], Any]
) -> None:
    template = copy.deepcopy(product_template)
    trap(template)
    assert audit(template)


def test_every_audit_is_tried_with_a_trap() -> None:
    assert {trap[1] for trap in TRAPS} == set(AUDITS)
