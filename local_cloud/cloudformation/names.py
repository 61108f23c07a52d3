"""Names that are taken: CloudFormation refuses to create a resource with such a name.

Many APIs answer a second creation with the existing resource. CloudFormation's handlers check the name first,
so that no stack takes over, and later deletes, a resource of others. The words are from public reports.

The name of a resource in a stack: reported as serverless/serverless 3237 and
fossamagna/amplify-category-console-notification 15.

Any other name: the public handlers raise CfnAlreadyExistsException. There are reports of it for log groups
(serverless/serverless 12312), topics, queues, buckets, alarms, rules, roles, functions and parameters. Bucket
policies (aws/aws-cdk 18676) and state machines (serverless-operations/serverless-step-functions 394) have
words of their own.

LOOKS leaves out types without names, and types whose APIs refuse a taken name: managed policies, aliases,
security groups and those of RDS. It also leaves out types that only set something on another resource, where
the last one counts: policies of topics and queues, inline policies, subscriptions, principals of a portfolio.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jmespath
from botocore.exceptions import ClientError

from ..account import ACCOUNT_ID, REGION
from ..moto_seam import Local
from .provider import Call, HandlerError, Properties, ProviderError
from .stack import Stack

_ABSENT = ("NotFound", "NoSuch", "NonExistent", "DoesNotExist", "404")


@dataclass(frozen=True)
class Look:
    """How to see whether a name is taken.

    Attributes:
        name: the property with the name. A name that CloudFormation generates is never taken.
        service, method: the boto3 client method that looks for it.
        parameters: its parameters, as format strings of the properties.
        found: a JMESPath into the answer, true if the name is taken; a format string of the properties.
        identifier: what the message calls the resource, another format string; the name if empty.
        words: the message, another format string; the usual message if empty.
    """

    name: str
    service: str
    method: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    found: str = "@"
    identifier: str = ""
    words: str = ""

    def finds(self, properties: Properties) -> bool:
        """Say whether the name is taken. CloudFormation looks as itself, without a role's permissions."""
        asked = {key: _filled(value, properties) for key, value in self.parameters.items()}
        try:
            answer = getattr(Local.identity.client(self.service), self.method)(**asked)
        except ClientError as error:
            if any(part in error.response["Error"]["Code"] for part in _ABSENT):
                return False
            raise
        return bool(jmespath.search(_filled(self.found, properties), answer))

    def message(self, resource_type: str, properties: Properties) -> str:
        """Return the handler's message about a taken name."""
        identifier = _filled(self.identifier or f"{{{self.name}}}", properties)
        usual = f"Resource of type '{resource_type}' with identifier '{identifier}' already exists."
        return _filled(self.words, properties) if self.words else usual


def _filled(value: Any, properties: Properties) -> Any:
    if isinstance(value, list):
        return [_filled(item, properties) for item in value]
    return value.format(**{"EventBusName": "default"} | properties, account=ACCOUNT_ID, region=REGION)


_MACHINE = "arn:aws:states:{region}:{account}:stateMachine:{StateMachineName}"

LOOKS: Mapping[str, Look] = {
    "AWS::CloudWatch::Alarm": Look(
        "AlarmName", "cloudwatch", "describe_alarms", {"AlarmNames": ["{AlarmName}"]},
        "MetricAlarms[0] || CompositeAlarms[0]",
    ),
    "AWS::CloudWatch::Dashboard": Look(
        "DashboardName", "cloudwatch", "get_dashboard", {"DashboardName": "{DashboardName}"}
    ),
    "AWS::Events::Rule": Look(
        "Name", "events", "describe_rule", {"Name": "{Name}", "EventBusName": "{EventBusName}"}
    ),
    "AWS::IAM::Role": Look("RoleName", "iam", "get_role", {"RoleName": "{RoleName}"}),
    "AWS::Lambda::EventInvokeConfig": Look(
        "FunctionName", "lambda", "get_function_event_invoke_config",
        {"FunctionName": "{FunctionName}", "Qualifier": "{Qualifier}"},
        identifier="{FunctionName}|{Qualifier}",
    ),
    "AWS::Lambda::Function": Look(
        "FunctionName", "lambda", "get_function_configuration", {"FunctionName": "{FunctionName}"}
    ),
    "AWS::Logs::LogGroup": Look(
        "LogGroupName", "logs", "describe_log_groups", {"logGroupNamePrefix": "{LogGroupName}"},
        "logGroups[?logGroupName=='{LogGroupName}']",
        identifier='{{"/properties/LogGroupName":"{LogGroupName}"}}',
    ),
    "AWS::Logs::MetricFilter": Look(
        "FilterName", "logs", "describe_metric_filters",
        {"logGroupName": "{LogGroupName}", "filterNamePrefix": "{FilterName}"},
        "metricFilters[?filterName=='{FilterName}']",
        identifier='{{"/properties/FilterName":"{FilterName}","/properties/LogGroupName":"{LogGroupName}"}}',
    ),
    "AWS::Logs::ResourcePolicy": Look(
        "PolicyName", "logs", "describe_resource_policies",
        found="resourcePolicies[?policyName=='{PolicyName}']",
    ),
    "AWS::S3::Bucket": Look("BucketName", "s3", "head_bucket", {"Bucket": "{BucketName}"}),
    "AWS::S3::BucketPolicy": Look(
        "Bucket", "s3", "get_bucket_policy", {"Bucket": "{Bucket}"},
        words="The bucket policy already exists on bucket {Bucket}.",
    ),
    "AWS::SNS::Topic": Look(
        "TopicName", "sns", "get_topic_attributes",
        {"TopicArn": "arn:aws:sns:{region}:{account}:{TopicName}"},
    ),
    "AWS::SQS::Queue": Look("QueueName", "sqs", "get_queue_url", {"QueueName": "{QueueName}"}),
    "AWS::SSM::Parameter": Look("Name", "ssm", "get_parameter", {"Name": "{Name}"}),
    "AWS::StepFunctions::StateMachine": Look(
        "StateMachineName", "stepfunctions", "describe_state_machine", {"stateMachineArn": _MACHINE},
        words=f"State Machine Already Exists: '{_MACHINE}'",
    ),
}  # fmt: skip


def check_free(call: Call, name: str | None, properties: Properties, stacks: Iterable[Stack]) -> None:
    """Check that the name of a new resource is free.

    Args:
        call: the handling of the new resource.
        name: the property with a custom name, if the type has one.
        properties: its properties.
        stacks: all stacks of the account.

    Raises:
        ProviderError: a stack has a resource of this type and name.
        HandlerError: a resource of no stack has the name, such as one that a deleted stack retained.
    """
    look = LOOKS.get(call.resource_type)
    if name and name in properties and (owner := _owner(call, name, properties, stacks)):
        raise ProviderError(f"{properties[name]} already exists in stack {owner}")
    if look and look.name in properties and look.finds(properties):
        raise HandlerError(look.message(call.resource_type, properties), "AlreadyExists")


def _owner(call: Call, name: str, properties: Properties, stacks: Iterable[Stack]) -> str | None:
    return next(
        (
            stack.id
            for stack in stacks
            for resource in list(stack.resources.values())
            if resource.type == call.resource_type
            and resource.physical_id
            and resource.status not in ("DELETE_COMPLETE", "DELETE_SKIPPED")
            and resource.properties.get(name) == properties[name]
        ),
        None,
    )
