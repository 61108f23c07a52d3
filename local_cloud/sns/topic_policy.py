"""Who may publish to a topic, by its policy and its key's. moto lets everybody publish."""

from __future__ import annotations

from dataclasses import replace

from moto.sns.exceptions import SNSException
from moto.sns.models import Topic

from ..account import REGION
from ..iam.policies import Caller, resource_allows
from ..iam.resource_context import resource_context
from ..kms.key_policy import service_may_use
from ..kms.models import backend as kms

# The KMS actions of SNS for each message.
_KEY_ACTIONS = ("kms:GenerateDataKey", "kms:Decrypt")


class AuthorizationError(SNSException):
    """A policy does not let the caller publish."""

    code = "AuthorizationError"


class KeyAuthorizationError(AuthorizationError):
    """The policy of the topic's key does not let a service use it."""


class KMSAccessDeniedError(SNSException):
    """The caller's permissions do not allow the use of the topic's key."""

    code = "KMSAccessDenied"


def check_service(topic: Topic, caller: Caller) -> None:
    """Check that an AWS service may publish to a topic and use its key.

    Raises:
        AuthorizationError: the policy of the topic does not let the service in.
        KeyAuthorizationError: the policy of its key does not.
    """
    if not resource_allows(topic.policy, "sns:Publish", topic.arn, caller):
        raise AuthorizationError(
            f"User: {caller.service} is not authorized to perform: SNS:Publish on resource: {topic.arn}"
        )
    key_id = topic.kms_master_key_id
    for action in _KEY_ACTIONS if key_id else ():
        if not service_may_use(key_id, action, caller):
            raise KeyAuthorizationError(
                f"User: {caller.service} is not authorized to perform: {action} on resource: {key_id}"
            )


def check_role(topic: Topic, caller: Caller) -> None:
    """Check that a role may use a topic's key: SNS uses it in the publisher's name.

    Source: SNS Developer Guide, "Key management".

    Raises:
        KMSAccessDeniedError: the role, or the policy of the key, does not allow it.
    """
    key_id = topic.kms_master_key_id
    if not key_id:
        return
    key = kms().describe_key(key_id)
    context = {
        **caller.context,
        "kms:ViaService": f"sns.{REGION}.amazonaws.com",
        "kms:EncryptionContext:aws:sns:topicArn": topic.arn,
        **resource_context(key.arn),
    }
    for action in _KEY_ACTIONS:
        if not service_may_use(key_id, action, replace(caller, context=context)):
            raise KMSAccessDeniedError(
                "The ciphertext refers to a customer master key that does not exist, does not exist in this "
                f"region, or you are not allowed to access. ({action})"
            )
