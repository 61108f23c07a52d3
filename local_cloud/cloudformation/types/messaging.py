"""AWS::SNS, AWS::SQS and AWS::Events."""

from __future__ import annotations

from collections.abc import Mapping

from ..provider import Api, Provider, Tagging

TYPES: Mapping[str, Provider] = {
    "AWS::SNS::Topic": Api(
        service="sns", create_call="create_topic", id="TopicArn", key=("TopicArn",), delete_call="delete_topic", name="TopicName",
        renames={"TopicName": "Name"}, tagging=Tagging(),
        attributes={"TopicArn": "{id}"},
    ),
}  # fmt: skip
