"""What exists outside of a stack stays as it is, whatever a stack of that name does."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from local_cloud.cloud import Cloud
from local_cloud.cloudformation.names import LOOKS
from tests.support.account import zipped
from tests.support.cloudformation import finished, reasons, template, topic

ACCOUNT = "123456789012"
TOPIC = f"arn:aws:sns:us-east-1:{ACCOUNT}:taken"
MACHINE = f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:taken"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/runs"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": ["lambda.amazonaws.com", "states.amazonaws.com"]},
            "Action": "sts:AssumeRole",
        }
    ],
}
DENIED = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::with-policy/*"}
    ],
}
DEFINITION = {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}
CODE = "def handle(event, context): return event"
ALARM = {
    "AlarmName": "taken",
    "ComparisonOperator": "GreaterThanThreshold",
    "EvaluationPeriods": 1,
    "MetricName": "Errors",
    "Namespace": "AWS/Lambda",
    "Period": 60,
    "Statistic": "Sum",
    "Threshold": 1.0,
}
FUNCTION = {"FunctionName": "taken", "Runtime": "python3.13", "Role": ROLE, "Handler": "index.handle"}


@dataclass(frozen=True)
class Case:
    """A type, with the calls of the API that make something of it and look at it.

    Attributes:
        service: boto3's name of the service of both calls.
        make: what makes it.
        look: what shows all of it.
        properties: what a stack is to have under its name, with another setting where there is one.
        words: what the stack's event says, "" for the usual words.
    """

    service: str
    make: Callable[[Any], object]
    look: Callable[[Any], Any]
    properties: dict[str, Any]
    words: str = ""


CASES = {
    "AWS::SNS::Topic": Case(
        "sns",
        lambda sns: sns.create_topic(Name="taken", Attributes={"DisplayName": "outside"}),
        lambda sns: sns.get_topic_attributes(TopicArn=TOPIC)["Attributes"],
        {"TopicName": "taken", "DisplayName": "of the stack"},
    ),
    "AWS::SQS::Queue": Case(
        "sqs",
        lambda sqs: sqs.create_queue(QueueName="taken"),
        lambda sqs: sqs.get_queue_attributes(
            QueueUrl=sqs.get_queue_url(QueueName="taken")["QueueUrl"], AttributeNames=["All"]
        )["Attributes"],
        {"QueueName": "taken"},
    ),
    "AWS::S3::Bucket": Case(
        "s3",
        lambda s3: s3.create_bucket(Bucket="taken"),
        lambda s3: (s3.get_bucket_versioning(Bucket="taken").get("Status"), s3.list_buckets()["Buckets"]),
        {"BucketName": "taken", "VersioningConfiguration": {"Status": "Enabled"}},
    ),
    "AWS::S3::BucketPolicy": Case(
        "s3",
        lambda s3: (
            s3.create_bucket(Bucket="with-policy"),
            s3.put_bucket_policy(Bucket="with-policy", Policy=json.dumps(DENIED)),
        ),
        lambda s3: s3.get_bucket_policy(Bucket="with-policy")["Policy"],
        {"Bucket": "with-policy", "PolicyDocument": {**DENIED, "Id": "of the stack"}},
        "The bucket policy already exists on bucket with-policy.",
    ),
    "AWS::CloudWatch::Alarm": Case(
        "cloudwatch",
        lambda cloudwatch: cloudwatch.put_metric_alarm(**ALARM),
        lambda cloudwatch: cloudwatch.describe_alarms(AlarmNames=["taken"])["MetricAlarms"],
        {**ALARM, "Threshold": 5},
    ),
    "AWS::CloudWatch::Dashboard": Case(
        "cloudwatch",
        lambda cloudwatch: cloudwatch.put_dashboard(DashboardName="taken", DashboardBody='{"widgets":[]}'),
        lambda cloudwatch: cloudwatch.get_dashboard(DashboardName="taken")["DashboardBody"],
        {"DashboardName": "taken", "DashboardBody": '{"widgets":[],"start":"-PT3H"}'},
    ),
    "AWS::Events::Rule": Case(
        "events",
        lambda events: events.put_rule(Name="taken", EventPattern='{"source":["outside"]}'),
        lambda events: events.describe_rule(Name="taken")["EventPattern"],
        {"Name": "taken", "EventPattern": {"source": ["aws.rds"]}},
    ),
    "AWS::StepFunctions::StateMachine": Case(
        "stepfunctions",
        lambda machines: machines.create_state_machine(
            name="taken", definition=json.dumps(DEFINITION), roleArn=ROLE
        ),
        lambda machines: machines.describe_state_machine(stateMachineArn=MACHINE)["creationDate"],
        {"StateMachineName": "taken", "DefinitionString": json.dumps(DEFINITION), "RoleArn": ROLE},
        f"State Machine Already Exists: '{MACHINE}'",
    ),
    "AWS::Logs::LogGroup": Case(
        "logs",
        lambda logs: logs.create_log_group(logGroupName="taken"),
        lambda logs: logs.describe_log_groups(logGroupNamePrefix="taken")["logGroups"],
        {"LogGroupName": "taken", "RetentionInDays": 7},
        "Resource of type 'AWS::Logs::LogGroup' with identifier "
        '\'{"/properties/LogGroupName":"taken"}\' already exists.',
    ),
    "AWS::Logs::MetricFilter": Case(
        "logs",
        lambda logs: (
            logs.create_log_group(logGroupName="filtered"),
            logs.put_metric_filter(
                logGroupName="filtered",
                filterName="taken",
                filterPattern="outside",
                metricTransformations=[{"metricName": "m", "metricNamespace": "n", "metricValue": "1"}],
            ),
        ),
        lambda logs: logs.describe_metric_filters(logGroupName="filtered")["metricFilters"],
        {
            "LogGroupName": "filtered",
            "FilterName": "taken",
            "FilterPattern": "of the stack",
            "MetricTransformations": [{"MetricName": "m", "MetricNamespace": "n", "MetricValue": "1"}],
        },
        "Resource of type 'AWS::Logs::MetricFilter' with identifier "
        '\'{"/properties/FilterName":"taken","/properties/LogGroupName":"filtered"}\' already exists.',
    ),
    "AWS::Logs::ResourcePolicy": Case(
        "logs",
        lambda logs: logs.put_resource_policy(policyName="taken", policyDocument=json.dumps(DENIED)),
        lambda logs: logs.describe_resource_policies()["resourcePolicies"],
        {"PolicyName": "taken", "PolicyDocument": json.dumps(TRUST)},
    ),
    "AWS::IAM::Role": Case(
        "iam",
        lambda iam: iam.create_role(RoleName="taken", AssumeRolePolicyDocument=json.dumps(TRUST)),
        lambda iam: (
            iam.get_role(RoleName="taken")["Role"],
            iam.list_role_policies(RoleName="taken")["PolicyNames"],
        ),
        {"RoleName": "taken", "AssumeRolePolicyDocument": {**TRUST, "Id": "of the stack"}},
    ),
    "AWS::Lambda::Function": Case(
        "lambda",
        lambda functions: functions.create_function(**FUNCTION, Code={"ZipFile": zipped({"index.py": CODE})}),
        lambda functions: functions.get_function(FunctionName="taken")["Configuration"],
        {**FUNCTION, "Code": {"ZipFile": CODE}, "Timeout": 60},
    ),
    "AWS::Lambda::EventInvokeConfig": Case(
        "lambda",
        lambda functions: (
            functions.create_function(
                **{**FUNCTION, "FunctionName": "invoked"}, Code={"ZipFile": zipped({"index.py": CODE})}
            ),
            functions.put_function_event_invoke_config(FunctionName="invoked", MaximumRetryAttempts=1),
        ),
        lambda functions: functions.list_function_event_invoke_configs(FunctionName="invoked")[
            "FunctionEventInvokeConfigs"
        ],
        {"FunctionName": "invoked", "Qualifier": "$LATEST", "MaximumRetryAttempts": 2},
        "Resource of type 'AWS::Lambda::EventInvokeConfig' with identifier 'invoked|$LATEST' already exists.",
    ),
    "AWS::SSM::Parameter": Case(
        "ssm",
        lambda ssm: ssm.put_parameter(Name="taken", Value="outside", Type="String"),
        lambda ssm: ssm.get_parameter(Name="taken")["Parameter"],
        {"Name": "taken", "Value": "of the stack", "Type": "String"},
    ),
    "AWS::RDS::DBParameterGroup": Case(
        "rds",
        lambda rds: rds.create_db_parameter_group(
            DBParameterGroupName="taken", DBParameterGroupFamily="postgres17", Description="outside"
        ),
        lambda rds: rds.describe_db_parameter_groups(DBParameterGroupName="taken")["DBParameterGroups"],
        {"DBParameterGroupName": "taken", "Family": "postgres17", "Description": "of the stack"},
        "A DB parameter group named taken already exists.",
    ),
}


@pytest.fixture(scope="module")
def speed() -> float:
    return 100_000


@pytest.fixture(scope="module")
def client(cloud: Cloud) -> Any:
    return cloud.client("cloudformation")


@pytest.fixture(scope="module", autouse=True)
def role(cloud: Cloud) -> None:
    """The role of what runs."""
    cloud.client("iam").create_role(RoleName="runs", AssumeRolePolicyDocument=json.dumps(TRUST))


def _failure(client: Any, **resources: Any) -> str:
    """The reason why a stack of one resource could not be created; the stack is deleted afterwards."""
    client.create_stack(
        StackName="late", TemplateBody=template(**resources), Capabilities=["CAPABILITY_NAMED_IAM"]
    )
    assert finished(client, "late")["StackStatus"] == "ROLLBACK_COMPLETE"
    [reason] = reasons(client, "late").values()
    stack_id = client.describe_stacks(StackName="late")["Stacks"][0]["StackId"]
    client.delete_stack(StackName="late")
    assert finished(client, stack_id)["StackStatus"] == "DELETE_COMPLETE"
    return reason


@pytest.mark.parametrize("resource_type", CASES)
def test_a_stack_does_not_take_over_what_exists(cloud: Cloud, client: Any, resource_type: str) -> None:
    case = CASES[resource_type]
    service = cloud.client(case.service)
    case.make(service)
    before = case.look(service)
    reason = _failure(client, Late={"Type": resource_type, "Properties": case.properties})
    words = case.words or f"Resource of type '{resource_type}' with identifier 'taken' already exists."
    assert f'Resource handler returned message: "{words}' in reason
    assert reason.endswith("HandlerErrorCode: AlreadyExists)")
    assert case.look(service) == before


def test_every_type_that_cloudformation_looks_for_is_among_the_cases() -> None:
    assert LOOKS.keys() <= CASES.keys()


def test_what_a_deleted_stack_retained_is_not_taken_over_by_the_next(cloud: Cloud, client: Any) -> None:
    retained = topic("retained", DeletionPolicy="Retain")
    stack_id = client.create_stack(StackName="retaining", TemplateBody=template(Kept=retained))["StackId"]
    finished(client, stack_id)
    client.delete_stack(StackName="retaining")
    assert finished(client, stack_id)["StackStatus"] == "DELETE_COMPLETE"
    assert "'AWS::SNS::Topic' with identifier 'retained' already exists." in _failure(client, Kept=retained)
    topics = cloud.client("sns").list_topics()["Topics"]
    assert f"arn:aws:sns:us-east-1:{ACCOUNT}:retained" in {each["TopicArn"] for each in topics}


def test_a_name_of_another_stack_is_refused_with_that_stack(client: Any) -> None:
    stack_id = client.create_stack(StackName="early", TemplateBody=template(Mine=topic("owned")))["StackId"]
    finished(client, stack_id)
    assert _failure(client, Late=topic("owned")) == f"owned already exists in stack {stack_id}"
    assert client.describe_stack_resource(StackName="early", LogicalResourceId="Mine")


def test_an_update_is_rolled_back_before_it_takes_something_over(cloud: Cloud, client: Any) -> None:
    outside = cloud.client("sns").create_topic(Name="outside")["TopicArn"]
    client.create_stack(StackName="growing", TemplateBody=template(Mine=topic("mine")))
    finished(client, "growing")
    client.update_stack(
        StackName="growing", TemplateBody=template(Mine=topic("mine"), Added=topic("outside"))
    )
    assert finished(client, "growing")["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert cloud.client("sns").get_topic_attributes(TopicArn=outside)
