"""The roles' policies as the templates have them, with the tokens resolved, and AWS's resource schemas."""

import json
from fnmatch import fnmatchcase
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

Statement = dict[str, Any]

ACCOUNT = "111122223333"
EXECUTION_ROLE = "TapStackExecution"
LAUNCH_ROLE = "SCLaunch-TapStack"
# AWS publishes these; cfn-lint brings a copy.
SCHEMAS = Path(str(distribution("cfn-lint").locate_file("cfnlint"))) / "data" / "schemas" / "resources"


def resolved(value: Any) -> Any:
    """A value of a template as it is for the suffix `dev` in the account."""
    known = {
        "AWS::AccountId": ACCOUNT,
        "AWS::Partition": "aws",
        "AWS::Region": "us-east-1",
        "EnvironmentSuffix": "dev",
    }
    match value:
        case {"Fn::Join": [str(separator), [*parts]]}:
            return separator.join(str(resolved(part)) for part in parts)
        case {"Ref": str(name)}:
            return known.get(name, f"<{name}>")
        case {"Fn::GetAtt": [str(name), str(attribute)]}:
            return f"<{name}.{attribute}>"
        case dict():
            return {key: resolved(item) for key, item in value.items()}
        case list():
            return [resolved(item) for item in value]
    return value


def statements(document: Any) -> list[Statement]:
    """A policy's statements, with lists where IAM also takes a single string."""
    return [
        {
            **statement,
            **{
                key: [statement[key]] if isinstance(statement[key], str) else statement[key]
                for key in ("Action", "Resource")
                if key in statement
            },
        }
        for statement in resolved(document["Statement"])
    ]


def roles_of(catalog_template: Any) -> dict[str, list[Statement]]:
    """All statements of each role, by its name where it has one and by its logical id elsewhere."""
    template = catalog_template["Resources"]
    found: dict[str, list[Statement]] = {}
    for logical_id, role in template.items():
        if role["Type"] == "AWS::IAM::Role":
            properties = role["Properties"]
            documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
            documents += [
                template[policy["Ref"]]["Properties"]["PolicyDocument"]
                for policy in properties.get("ManagedPolicyArns", [])
            ]
            documents += [
                policy["Properties"]["PolicyDocument"]
                for policy in template.values()
                if policy["Type"] == "AWS::IAM::Policy"
                and {"Ref": logical_id} in policy["Properties"]["Roles"]
            ]
            found[properties.get("RoleName", logical_id)] = [
                statement for document in documents for statement in statements(document)
            ]
    return found


def given_by_key(product: Any) -> dict[str, list[Statement]]:
    """The statements of a product's key policy that let roles in, by the roles' names."""
    found: dict[str, list[Statement]] = {}
    for logical_id, resource in product["Resources"].items():
        for statement in resource["Properties"].get("KeyPolicy", {}).get("Statement", []):
            [statement] = statements({"Statement": [statement]})
            if arn := statement.get("Condition", {}).get("ArnEquals", {}).get("aws:PrincipalArn"):
                about_key = statement | {"Resource": [f"<{logical_id}>"]}
                found.setdefault(arn.rpartition("/")[2], []).append(about_key)
    return found


def handlers_of(types: set[str]) -> dict[str, dict[str, set[str]]]:
    """What CloudFormation asks for in each handler of resource types, per AWS's own schemas."""
    schemas = (json.loads(file.read_text()) for file in SCHEMAS.glob("*.json"))
    return {
        schema["typeName"]: {
            handler: set(details.get("permissions", [])) for handler, details in schema["handlers"].items()
        }
        for schema in schemas
        if schema.get("typeName") in types
    }


def actions_of(role: list[Statement]) -> set[str]:
    return {action for statement in role for action in statement["Action"]}


def allows(role: list[Statement], action: str, arn: str) -> bool:
    return any(
        action in statement["Action"] and any(fnmatchcase(arn, pattern) for pattern in statement["Resource"])
        for statement in role
    )
