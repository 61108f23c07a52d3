"""The engine in the template: Service Catalog finds it, nobody else reaches it, and no message gets lost."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest
from aws_cdk.assertions import Template

from app import build

ROOT = Path(__file__).parents[3]
LAMBDAS = ROOT / "lambdas"
VERBS = {
    *("parse_parameters", "receive", "validate", "plan", "snapshot", "apply", "wait", "verify"),
    *("subscribe", "report", "sweep"),
}
OPERATIONS = ("Provision", "Update", "Terminate")


@pytest.fixture(scope="module")
def catalog(catalog_template: Any) -> Template:
    return Template.from_json(catalog_template)


@pytest.fixture(scope="module")
def functions(catalog: Template) -> dict[str, Any]:
    """The engine's functions by verb, each with its logical id."""
    return {
        function["Properties"]["Handler"].split(".")[0]: {"Id": logical_id, **function["Properties"]}
        for logical_id, function in catalog.find_resources("AWS::Lambda::Function").items()
        if logical_id.startswith("Engine")
    }


def queue_of(catalog: Template, operation: str) -> tuple[str, Any]:
    name = f"ServiceCatalogExternal{operation}OperationQueue"
    [(logical_id, queue)] = catalog.find_resources(
        "AWS::SQS::Queue", {"Properties": {"QueueName": name}}
    ).items()
    return logical_id, queue["Properties"]


def policy_of(catalog: Template, queue: str) -> list[Any]:
    [statements] = [
        policy["Properties"]["PolicyDocument"]["Statement"]
        for policy in catalog.find_resources("AWS::SQS::QueuePolicy").values()
        if policy["Properties"]["Queues"] == [{"Ref": queue}]
    ]
    return list(statements)


def test_the_parser_has_the_name_service_catalog_calls(functions: dict[str, Any]) -> None:
    assert functions["parse_parameters"]["FunctionName"] == "ServiceCatalogExternalParameterParser"
    assert [verb for verb, function in functions.items() if "FunctionName" in function] == [
        "parse_parameters"
    ]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_queue_takes_messages_from_service_catalog_alone_and_over_tls_alone(
    catalog: Template, operation: str
) -> None:
    queue, _ = queue_of(catalog, operation)
    arn = {"Fn::GetAtt": [queue, "Arn"]}
    [allow] = [each for each in policy_of(catalog, queue) if each["Effect"] == "Allow"]
    assert allow == {
        "Effect": "Allow",
        "Principal": {"Service": "servicecatalog.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"StringEquals": {"aws:SourceAccount": [{"Ref": "AWS::AccountId"}]}},
    }
    without_tls, of_account = [each for each in policy_of(catalog, queue) if each["Effect"] == "Deny"]
    assert without_tls["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert of_account == {
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"StringEquals": {"aws:PrincipalAccount": {"Ref": "AWS::AccountId"}}},
    }


def test_a_setting_lets_principals_of_the_account_send_where_service_catalog_counts_as_one(
    tmp_path: Path,
) -> None:
    flags = json.loads((ROOT / "cdk.json").read_text())["context"]
    settings = {"aws:cdk:bundling-stacks": [], "catalog:queuesRefuseAccount": "false"}
    assembly = build(context=flags | settings, outdir=str(tmp_path)).synth()
    catalog = Template.from_json(assembly.get_stack_by_name("CatalogStack").template)
    for operation in OPERATIONS:
        statements = policy_of(catalog, queue_of(catalog, operation)[0])
        assert [each["Condition"].keys() for each in statements] == [{"Bool"}, {"StringEquals"}]
        assert "aws:PrincipalAccount" not in json.dumps(statements)


def test_the_parser_is_called_by_service_catalog_for_launching_accounts_alone(
    catalog: Template, functions: dict[str, Any]
) -> None:
    parser = functions["parse_parameters"]["Id"]
    [permission] = [
        permission["Properties"]
        for permission in catalog.find_resources("AWS::Lambda::Permission").values()
        if permission["Properties"]["FunctionName"] == {"Fn::GetAtt": [parser, "Arn"]}
    ]
    assert permission["Principal"] == "servicecatalog.amazonaws.com"
    assert permission["SourceAccount"] == {"Ref": "AWS::AccountId"}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_message_is_tried_for_half_an_hour_and_then_reported(
    catalog: Template, functions: dict[str, Any], operation: str
) -> None:
    queue, properties = queue_of(catalog, operation)
    assert properties["RedrivePolicy"]["maxReceiveCount"] == 5
    assert properties["VisibilityTimeout"] == 360
    [dead_letters, _] = properties["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"]
    assert consumers_of(catalog, queue) == [{"Ref": functions["receive"]["Id"]}]
    both = [{"Ref": functions[verb]["Id"]} for verb in ("report", "sweep")]
    assert consumers_of(catalog, dead_letters) == both


def consumers_of(catalog: Template, queue: str) -> list[Any]:
    return [
        mapping["Properties"]["FunctionName"]
        for mapping in catalog.find_resources("AWS::Lambda::EventSourceMapping").values()
        if mapping["Properties"]["EventSourceArn"] == {"Fn::GetAtt": [queue, "Arn"]}
    ]


def test_one_bad_message_does_not_hold_up_its_batch(catalog: Template) -> None:
    mappings = catalog.find_resources("AWS::Lambda::EventSourceMapping").values()
    assert [mapping["Properties"]["FunctionResponseTypes"] for mapping in mappings] == [
        ["ReportBatchItemFailures"]
    ] * 5


def test_a_message_in_work_stays_invisible_six_times_as_long_as_its_consumer_may_take(
    catalog: Template, functions: dict[str, Any]
) -> None:
    longest = max(functions[verb]["Timeout"] for verb in ("receive", "report"))
    queues = catalog.find_resources("AWS::SQS::Queue").values()
    assert all(queue["Properties"]["VisibilityTimeout"] >= 6 * longest for queue in queues)


def rules_of(catalog: Template, function: dict[str, Any]) -> Any:
    """The rule that has a function as its only target, with that target."""
    [found] = [
        (rule["Properties"], target)
        for rule in catalog.find_resources("AWS::Events::Rule").values()
        for target in rule["Properties"]["Targets"]
        if target["Arn"] == {"Fn::GetAtt": [function["Id"], "Arn"]}
    ]
    return found


def test_an_execution_that_ends_without_an_answer_is_reported(
    catalog: Template, functions: dict[str, Any]
) -> None:
    rule, target = rules_of(catalog, functions["report"])
    [machine] = catalog.find_resources("AWS::StepFunctions::StateMachine")
    assert rule["EventPattern"] == {
        "source": ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        "detail": {"stateMachineArn": [{"Ref": machine}], "status": ["FAILED", "TIMED_OUT", "ABORTED"]},
    }
    # What Lambda gives up on is a dead letter, which this function and the sweep read for days.
    [dead_letters, _] = target["DeadLetterConfig"]["Arn"]["Fn::GetAtt"]
    assert {"Ref": functions["report"]["Id"]} in consumers_of(catalog, dead_letters)
    assert (
        catalog.find_resources("AWS::SQS::Queue")[dead_letters]["Properties"]["RedrivePolicy"][
            "maxReceiveCount"
        ]
        == 1000
    )
    catalog.has_resource_properties(
        "AWS::Lambda::EventInvokeConfig",
        {
            "FunctionName": {"Ref": functions["report"]["Id"]},
            "MaximumRetryAttempts": 2,
            "DestinationConfig": {"OnFailure": {"Destination": target["DeadLetterConfig"]["Arn"]}},
        },
    )


def test_everything_is_swept_every_quarter_of_an_hour_by_a_function_of_its_own(
    catalog: Template, functions: dict[str, Any]
) -> None:
    rule, _ = rules_of(catalog, functions["sweep"])
    assert rule["ScheduleExpression"] == "rate(15 minutes)"
    assert rule["State"] == "ENABLED"
    assert functions["sweep"]["Timeout"] < 15 * 60


def test_the_sweep_is_over_before_messages_that_it_took_are_visible_again(
    catalog: Template, functions: dict[str, Any]
) -> None:
    queues = catalog.find_resources("AWS::SQS::Queue").values()
    assert functions["sweep"]["Timeout"] < min(queue["Properties"]["VisibilityTimeout"] for queue in queues)


def test_a_burst_is_received_a_few_messages_at_a_time(catalog: Template) -> None:
    mappings = catalog.find_resources("AWS::Lambda::EventSourceMapping").values()
    limits = [mapping["Properties"]["ScalingConfig"] for mapping in mappings]
    assert limits == [{"MaximumConcurrency": 2}] * 5


def test_concurrency_is_reserved_only_when_asked_for_and_never_where_answers_are_given(
    functions: dict[str, Any], tmp_path: Path
) -> None:
    assert not any("ReservedConcurrentExecutions" in function for function in functions.values())
    flags = json.loads((ROOT / "cdk.json").read_text())["context"]
    settings = {"aws:cdk:bundling-stacks": [], "catalog:stepConcurrency": "7"}
    assembly = build(context=flags | settings, outdir=str(tmp_path)).synth()
    some = {
        r["Properties"]["Handler"].split(".")[0]: r["Properties"].get("ReservedConcurrentExecutions")
        for r in assembly.get_stack_by_name("CatalogStack").template["Resources"].values()
        if r["Type"] == "AWS::Lambda::Function" and "handler.handle" in r["Properties"]["Handler"]
    }
    limited = {"validate", "plan", "snapshot", "apply", "wait", "verify"}
    assert some == {verb: 7 if verb in limited else None for verb in VERBS}


def services_let_in(catalog: Template) -> dict[str, Any]:
    """The key policy's statements by the service they let in."""
    [key] = catalog.find_resources("AWS::KMS::Key").values()
    statements: dict[str, Any] = {}
    for statement in key["Properties"]["KeyPolicy"]["Statement"]:
        services = statement["Principal"].get("Service", [])
        for service in [services] if isinstance(services, str) else services:
            assert service not in statements
            statements[service] = statement
    return statements


def test_service_catalog_may_encrypt_what_it_sends(catalog: Template) -> None:
    statement = services_let_in(catalog)["servicecatalog.amazonaws.com"]
    assert sorted(statement["Action"]) == [
        "kms:Decrypt",
        "kms:DescribeKey",
        "kms:GenerateDataKey",
        "kms:ReEncryptFrom",
        "kms:ReEncryptTo",
    ]


def test_services_are_let_in_under_a_condition(catalog: Template) -> None:
    # The condition for Service Catalog is in the queues' policies. The CDK writes the one for log delivery.
    unconditional = {"servicecatalog.amazonaws.com", "delivery.logs.amazonaws.com"}
    services = services_let_in(catalog)
    assert {
        service for service, statement in services.items() if "Condition" not in statement
    } == unconditional


def test_everything_that_holds_data_is_encrypted_with_the_engines_key(catalog: Template) -> None:
    [key] = catalog.find_resources("AWS::KMS::Key")
    arn = {"Fn::GetAtt": [key, "Arn"]}
    for kind, name in (
        ("AWS::SQS::Queue", "KmsMasterKeyId"),
        ("AWS::Logs::LogGroup", "KmsKeyId"),
        ("AWS::SNS::Topic", "KmsMasterKeyId"),
    ):
        assert [resource["Properties"][name] for resource in catalog.find_resources(kind).values()] == [
            arn for _ in catalog.find_resources(kind)
        ]
    [machine] = catalog.find_resources("AWS::StepFunctions::StateMachine").values()
    assert machine["Properties"]["EncryptionConfiguration"]["KmsKeyId"] == arn


def test_each_verb_is_a_function_of_one_shared_package(functions: dict[str, Any]) -> None:
    assert set(functions) == VERBS
    assert {function["Handler"] for function in functions.values()} == {
        f"{verb}.handler.handle" for verb in VERBS
    }
    assert len({json.dumps(function["Code"]) for function in functions.values()}) == 1


def test_functions_are_traced_and_write_to_a_log_group_of_the_stack(
    catalog: Template, functions: dict[str, Any]
) -> None:
    groups = catalog.find_resources("AWS::Logs::LogGroup")
    assert all(group["Properties"]["RetentionInDays"] == 90 for group in groups.values())
    assert {function["TracingConfig"]["Mode"] for function in functions.values()} == {"Active"}
    own = {function["LoggingConfig"]["LogGroup"]["Ref"] for function in functions.values()}
    assert len(own) == len(VERBS)
    assert own < set(groups)


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_a_function_gets_exactly_the_variables_its_code_reads(functions: dict[str, Any], verb: str) -> None:
    given = set(functions[verb]["Environment"]["Variables"])
    assert {name for name in given if not name.startswith("POWERTOOLS_")} == variables_read(LAMBDAS / verb)


def test_shared_code_reads_no_variables() -> None:
    assert variables_read(LAMBDAS / "engine") == set()


def variables_read(folder: Path) -> set[str]:
    code = "\n".join(file.read_text() for file in folder.glob("*.py"))
    return set(re.findall(r"""environ(?:\.get\(|\[)["'](\w+)""", code))


def test_the_package_holds_our_code_and_the_locked_dependencies_for_lambdas_processor(
    functions: dict[str, Any], assembly: Path
) -> None:
    package = assembly / f"asset.{functions['plan']['Code']['S3Key'].removesuffix('.zip')}"
    locked = dict(re.findall(r"^([\w-]+)==(\S+)", (LAMBDAS / "requirements.txt").read_text(), flags=re.M))
    bundled = dict(
        folder.name.removesuffix(".dist-info").split("-") for folder in package.glob("*.dist-info")
    )
    assert {name.replace("_", "-"): version for name, version in bundled.items()} == locked
    assert all((package / verb / "handler.py").exists() for verb in VERBS)
    compiled = [file.name for file in package.rglob("*.so")]
    assert compiled
    assert all("cpython-314-aarch64" in name for name in compiled)
    assert not list(package.rglob("__pycache__"))


def test_every_handler_exists() -> None:
    for verb in VERBS:
        tree = ast.parse((LAMBDAS / verb / "handler.py").read_text())
        assert "handle" in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_destroying_the_stack_leaves_nothing_behind(catalog_template: Any) -> None:
    kept = {
        logical_id
        for logical_id, resource in catalog_template["Resources"].items()
        if resource.get("DeletionPolicy", "Delete") != "Delete"
        or resource.get("UpdateReplacePolicy", "Delete") != "Delete"
    }
    assert kept == set()
    stateful = ("AWS::Logs::LogGroup", "AWS::KMS::Key")  # whose default is to stay
    assert all(
        resource["DeletionPolicy"] == "Delete"
        for resource in catalog_template["Resources"].values()
        if resource["Type"] in stateful
    )
