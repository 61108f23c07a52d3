"""AWS::SNS, AWS::SQS and AWS::Events."""
# The methods are described by Provider.
# ruff: noqa: ARG002, D102

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from botocore.exceptions import ClientError

from ...account import ACCOUNT_ID
from ..api_object import Api
from ..provider import Call, Properties, Provider, Tagging
from .documents import Document

_TOPIC = ("DisplayName", "KmsMasterKeyId", "SignatureVersion", "TracingConfig")
_SUBSCRIPTION = ("DeliveryPolicy", "FilterPolicy", "FilterPolicyScope", "RawMessageDelivery", "RedrivePolicy")
_QUEUE = (
    "DelaySeconds", "KmsDataKeyReusePeriodSeconds", "KmsMasterKeyId", "MaximumMessageSize",
    "MessageRetentionPeriod", "ReceiveMessageWaitTimeSeconds", "RedriveAllowPolicy", "RedrivePolicy",
    "SqsManagedSseEnabled", "VisibilityTimeout",
)  # fmt: skip
_Change = Callable[[Call, str, Properties, Properties], None]


def _into_attributes(*attributes: str) -> Callable[[Properties], Properties]:
    """Move these properties into the parameter Attributes."""

    def reshape(properties: Properties) -> Properties:
        moved = {key: value for key, value in properties.items() if key in attributes}
        rest = {key: value for key, value in properties.items() if key not in attributes}
        return rest | ({"Attributes": moved} if moved else {})

    return reshape


def _set_attributes(service: str, method: str, key: str, *attributes: str) -> _Change:
    """Return an `after` that makes one Set…Attributes call for each changed property."""

    def after(call: Call, physical_id: str, old: Properties, new: Properties) -> None:
        if not old:
            return
        for name in attributes:
            if old.get(name) != new.get(name):
                text = new.get(name, "")
                value = json.dumps(text) if isinstance(text, dict | list) else str(text)
                getattr(call.client(service), method)(
                    **{key: physical_id, "AttributeName": name, "AttributeValue": value}
                )

    return after


def _set_queue_attributes(call: Call, url: str, old: Properties, new: Properties) -> None:
    changed = {key: new[key] for key in _QUEUE if old and key in new and old.get(key) != new[key]}
    removed = {
        key: ""
        for key in ("RedrivePolicy", "RedriveAllowPolicy", "KmsMasterKeyId")
        if key in old and key not in new
    }
    if attributes := changed | removed:
        texts = {
            key: json.dumps(value) if isinstance(value, dict) else str(value)
            for key, value in attributes.items()
        }
        call.client("sqs").set_queue_attributes(QueueUrl=url, Attributes=texts)


@dataclass(frozen=True)
class ResourcePolicies(Document):
    """A policy document for several topics or queues."""

    property: str
    put_on: Callable[[Call, str, str], None]
    remove: Callable[[Call, str], None]

    def put(self, call: Call, properties: Properties) -> None:
        for target in properties[self.property]:
            self.put_on(call, target, json.dumps(properties["PolicyDocument"]))

    def update(self, call: Call, physical_id: str, old: Properties, new: Properties) -> str:
        self.put(call, new)
        for target in set(old[self.property]) - set(new[self.property]):
            self.remove(call, target)
        return physical_id

    def delete(self, call: Call, physical_id: str, properties: Properties) -> None:
        for target in properties[self.property]:
            try:
                self.remove(call, target)
            except ClientError as error:
                if error.response["Error"]["Code"] not in (
                    "NotFound",
                    "AWS.SimpleQueueService.NonExistentQueue",
                ):
                    raise


def _put_topic_policy(call: Call, topic: str, document: str) -> None:
    call.client("sns").set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=document)


def _default_topic_policy(call: Call, topic: str) -> None:
    # A topic always has a policy: it gets the one with which SNS creates a topic.
    owner = {"StringEquals": {"AWS:SourceOwner": ACCOUNT_ID}}
    statement = {
        "Sid": "__default_statement_ID", "Effect": "Allow", "Principal": {"AWS": "*"}, "Resource": topic,
        "Action": ["SNS:GetTopicAttributes", "SNS:SetTopicAttributes", "SNS:AddPermission",
        "SNS:RemovePermission",
                   "SNS:DeleteTopic", "SNS:Subscribe", "SNS:ListSubscriptionsByTopic", "SNS:Publish"],
        "Condition": owner,
    }  # fmt: skip
    _put_topic_policy(
        call,
        topic,
        json.dumps({"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]}),
    )


def _put_queue_policy(call: Call, url: str, document: str) -> None:
    call.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": document})


def _remove_queue_policy(call: Call, url: str) -> None:
    _put_queue_policy(call, url, "")


def _rule_targets(call: Call, rule: str, old: Properties, new: Properties) -> None:
    events, bus = (
        call.client("events"),
        {"EventBusName": new["EventBusName"]} if "EventBusName" in new else {},
    )
    targets = new.get("Targets", [])
    gone = {target["Id"] for target in old.get("Targets", [])} - {target["Id"] for target in targets}
    if gone:
        events.remove_targets(Rule=rule, Ids=sorted(gone), **bus)
    if targets and targets != old.get("Targets"):
        answer = events.put_targets(Rule=rule, Targets=targets, **bus)
        assert not answer["FailedEntryCount"], answer["FailedEntries"]


def _remove_targets(call: Call, rule: str, properties: Properties) -> None:
    _rule_targets(
        call, rule, properties, {key: value for key, value in properties.items() if key != "Targets"}
    )


TYPES: Mapping[str, Provider] = {
    "AWS::SNS::Topic": Api(
        service="sns", create_call="create_topic", id="TopicArn", key=("TopicArn",),
        delete_call="delete_topic",
        name="TopicName", name_limit=256, renames={"TopicName": "Name"}, reshape=_into_attributes(*_TOPIC,
        "FifoTopic"),
        updated_after=_TOPIC, after=_set_attributes("sns", "set_topic_attributes", "TopicArn", *_TOPIC),
        gone=("NotFound",), tagging=Tagging(), attributes={"TopicArn": "{id}", "TopicName": "{name}"},
    ),
    "AWS::SNS::TopicPolicy": ResourcePolicies("Topics", _put_topic_policy, _default_topic_policy),
    "AWS::SNS::Subscription": Api(
        service="sns", create_call="subscribe", id="SubscriptionArn", key=("SubscriptionArn",),
        delete_call="unsubscribe",
        reshape=_into_attributes(*_SUBSCRIPTION), extra={"ReturnSubscriptionArn": True},
        updated_after=_SUBSCRIPTION,
        after=_set_attributes("sns", "set_subscription_attributes", "SubscriptionArn", *_SUBSCRIPTION),
        gone=("NotFound",), attributes={"Arn": "{id}"},
    ),
    "AWS::SQS::Queue": Api(
        service="sqs", create_call="create_queue", id="QueueUrl", key=("QueueUrl",),
        delete_call="delete_queue",
        name="QueueName", name_limit=80, reshape=_into_attributes(*_QUEUE, "FifoQueue",
        "ContentBasedDeduplication"),
        updated_after=_QUEUE, after=_set_queue_attributes, read_call="get_queue_attributes",
        gone=("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"),
        tagging=Tagging(tag="tag_queue", untag="untag_queue", key="QueueUrl"),
        attributes={"Arn": "arn:aws:sqs:{region}:{account}:{name}", "QueueUrl": "{id}",
        "QueueName": "{name}"},
    ),
    "AWS::SQS::QueuePolicy": ResourcePolicies("Queues", _put_queue_policy, _remove_queue_policy),
    "AWS::Events::Rule": Api(
        service="events", create_call="put_rule", update_call="put_rule", resend=True, id="{Name}",
        key=("Name",),
        delete_call="delete_rule", name="Name", own=("Targets",), after=_rule_targets,
        before_delete=_remove_targets,
        gone=("ResourceNotFoundException",),
        tagging=Tagging(key="ResourceARN", value="arn:aws:events:{region}:{account}:rule/{id}"),
        attributes={"Arn": "arn:aws:events:{region}:{account}:rule/{id}", "RuleName": "{id}"},
    ),
}  # fmt: skip
