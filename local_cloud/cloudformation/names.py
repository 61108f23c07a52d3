"""Names that are taken: CloudFormation refuses to create a resource with such a name.

Many APIs answer a second creation with the existing resource. CloudFormation's handlers check the name first,
so that no stack takes over, and later deletes, a resource of others. Other APIs refuse by themselves, after
they have checked that the caller may create such a resource. The words are from public reports.

The name of a resource in a stack: reported as serverless/serverless 3237 and
fossamagna/amplify-category-console-notification 15.

Any other: the public handlers raise CfnAlreadyExistsException, reported of log groups (serverless/serverless
12312), topics, queues, buckets, alarms, rules, roles, functions and parameters. Bucket policies (aws/aws-cdk
18676) and state machines (serverless-operations/serverless-step-functions 394) have words of their own, and
a type that is not listed here, such as those of RDS, has the words of its API.

Some types only set something on what exists, for which the last one counts: policies of topics and queues,
inline policies, subscriptions, principals of a portfolio.
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

# Parts of the codes with which APIs say that there is no such thing, and that there is one.
_ABSENT = ("NotFound", "NoSuch", "NonExistent", "DoesNotExist", "404")
_TAKEN = ("AlreadyExist", "ResourceConflict")

_MACHINE = "arn:aws:states:{region}:{account}:stateMachine:{StateMachineName}"
# What the usual words call a resource, as a format string of its properties.
_IDENTIFIERS = {
    "AWS::CloudWatch::Alarm": "{AlarmName}",
    "AWS::CloudWatch::Dashboard": "{DashboardName}",
    "AWS::Events::Rule": "{Name}",
    "AWS::IAM::Role": "{RoleName}",
    "AWS::Lambda::EventInvokeConfig": "{FunctionName}|{Qualifier}",
    "AWS::Lambda::Function": "{FunctionName}",
    "AWS::Logs::LogGroup": '{{"/properties/LogGroupName":"{LogGroupName}"}}',
    "AWS::Logs::MetricFilter": (
        '{{"/properties/FilterName":"{FilterName}","/properties/LogGroupName":"{LogGroupName}"}}'
    ),
    "AWS::Logs::ResourcePolicy": "{PolicyName}",
    "AWS::S3::Bucket": "{BucketName}",
    "AWS::SNS::Topic": "{TopicName}",
    "AWS::SQS::Queue": "{QueueName}",
    "AWS::SSM::Parameter": "{Name}",
}
_OTHER_WORDS = {
    "AWS::S3::BucketPolicy": "The bucket policy already exists on bucket {Bucket}.",
    "AWS::StepFunctions::StateMachine": f"State Machine Already Exists: '{_MACHINE}'",
}


@dataclass(frozen=True)
class Look:
    """How to see whether something has the name of a new resource, where its API would take it over.

    Attributes:
        name: the property with the name. A name that CloudFormation generates is never taken.
        service, method: the boto3 client method that looks for it.
        parameters: its parameters, as format strings of the properties.
        found: a JMESPath into the answer, true if the name is taken; a format string of the properties.
    """

    name: str
    service: str
    method: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    found: str = "@"

    def finds(self, properties: Properties) -> bool:
        """Say whether the name is taken. CloudFormation looks as itself, without a role's permissions."""
        if self.name not in properties:
            return False
        asked = {key: _filled(value, properties) for key, value in self.parameters.items()}
        try:
            answer = getattr(Local.identity.client(self.service), self.method)(**asked)
        except ClientError as error:
            if any(part in error.response["Error"]["Code"] for part in _ABSENT):
                return False
            raise
        return bool(jmespath.search(_filled(self.found, properties), answer))


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
    "AWS::Lambda::EventInvokeConfig": Look(
        "FunctionName", "lambda", "get_function_event_invoke_config",
        {"FunctionName": "{FunctionName}", "Qualifier": "{Qualifier}"},
    ),
    "AWS::Logs::MetricFilter": Look(
        "FilterName", "logs", "describe_metric_filters",
        {"logGroupName": "{LogGroupName}", "filterNamePrefix": "{FilterName}"},
        "metricFilters[?filterName=='{FilterName}']",
    ),
    "AWS::Logs::ResourcePolicy": Look(
        "PolicyName", "logs", "describe_resource_policies",
        found="resourcePolicies[?policyName=='{PolicyName}']",
    ),
    "AWS::S3::Bucket": Look("BucketName", "s3", "head_bucket", {"Bucket": "{BucketName}"}),
    "AWS::S3::BucketPolicy": Look("Bucket", "s3", "get_bucket_policy", {"Bucket": "{Bucket}"}),
    "AWS::SNS::Topic": Look(
        "TopicName", "sns", "get_topic_attributes",
        {"TopicArn": "arn:aws:sns:{region}:{account}:{TopicName}"},
    ),
    "AWS::SQS::Queue": Look("QueueName", "sqs", "get_queue_url", {"QueueName": "{QueueName}"}),
    "AWS::StepFunctions::StateMachine": Look(
        "StateMachineName", "stepfunctions", "describe_state_machine", {"stateMachineArn": _MACHINE}
    ),
}  # fmt: skip


def check_free(call: Call, name: str | None, properties: Properties, stacks: Iterable[Stack]) -> None:
    """Check that the API will not take what exists for the new resource; arguments as those of `taken`.

    Raises:
        ProviderError: something has its name.
    """
    look = LOOKS.get(call.resource_type)
    if look and look.finds(properties) and (why := taken(call, name, properties, stacks)):
        raise why


def says_taken(error: ClientError) -> bool:
    """Say whether an API has refused to create something because its name is taken."""
    return any(part in error.response["Error"]["Code"] for part in _TAKEN)


def taken(
    call: Call, name: str | None, properties: Properties, stacks: Iterable[Stack]
) -> ProviderError | None:
    """Return why a resource is not created whose name is taken; None if its API has the words.

    Args:
        call: the handling of the new resource.
        name: the property with a custom name, if the type has one.
        properties: its properties.
        stacks: all stacks of the account.
    """
    kind = call.resource_type
    if name and name not in properties:  # CloudFormation has made it up
        return None
    for stack in stacks:
        for resource in list(stack.resources.values()):
            there = resource.physical_id and resource.status not in ("DELETE_COMPLETE", "DELETE_SKIPPED")
            if name and there and resource.type == kind and resource.properties.get(name) == properties[name]:
                return ProviderError(f"{properties[name]} already exists in stack {stack.id}")
    if kind in _OTHER_WORDS:
        return HandlerError(_filled(_OTHER_WORDS[kind], properties), "AlreadyExists")
    if kind in _IDENTIFIERS:
        identifier = _filled(_IDENTIFIERS[kind], properties)
        return HandlerError(
            f"Resource of type '{kind}' with identifier '{identifier}' already exists.", "AlreadyExists"
        )
    return None


def _filled(value: Any, properties: Properties) -> Any:
    if isinstance(value, list):
        return [_filled(item, properties) for item in value]
    return value.format(**{"EventBusName": "default"} | properties, account=ACCOUNT_ID, region=REGION)
