"""Calls to the external engine: messages to its queues, and requests to its parameter parser.

All have fixed names. Their resource policies have to let Service Catalog in. The administrator guide
describes names, policies and messages on its pages "external engine" and "confused deputy".
"""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import ClientError

from local_cloud.account import ACCOUNT_ID, REGION
from local_cloud.iam.policies import UnsupportedPolicyError, resource_allows
from local_cloud.moto_seam import Local

from .artifacts import publish
from .errors import InvalidParametersError
from .launches import Record
from .principals import OURSELVES, SERVICE
from .resources import Artifact, Product

PARSER = "ServiceCatalogExternalParameterParser"
QUEUES = {
    "PROVISION_PRODUCT": "ServiceCatalogExternalProvisionOperationQueue",
    "UPDATE_PROVISIONED_PRODUCT": "ServiceCatalogExternalUpdateOperationQueue",
    "TERMINATE_PROVISIONED_PRODUCT": "ServiceCatalogExternalTerminateOperationQueue",
}
_KEY_ACTIONS = ("DescribeKey", "Decrypt", "ReEncryptFrom", "ReEncryptTo", "GenerateDataKey")


class EngineUnreachableError(Exception):
    """A queue or function is missing, or does not let Service Catalog in."""


def describe_operation(record: Record) -> dict[str, Any]:
    """Return the fields that the message of every operation has."""
    product = record.provisioned_product
    return {
        "token": record.workflow_token,
        "operation": record.type,
        "provisionedProductId": product.id,
        "provisionedProductName": product.name,
        "recordId": record.id,
        "launchRoleArn": product.launch_role_arn,
        "identity": {"principal": product.principal, "awsAccountId": ACCOUNT_ID, "organizationId": None},
    }


def describe_inputs(record: Record, product: Product, artifact: Artifact) -> dict[str, Any]:
    """Return the further fields of the messages of provision and update."""
    return {
        "productId": product.id,
        "provisioningArtifactId": artifact.id,
        "artifact": {"path": f"S3://{publish(product, artifact)}", "type": "AWS_S3"},
        "parameters": [{"key": key, "value": value} for key, value in record.parameters.items()],
        "tags": [{"key": key, "value": value} for key, value in record.provisioned_product.tags.items()],
    }


def send(message: dict[str, Any]) -> None:
    """Send an operation to the engine's queue for it.

    Raises:
        EngineUnreachableError: the queue is missing, or a policy (its own, or its key's) does not let us in.
    """
    name = QUEUES[message["operation"]]
    sqs = Local.identity.client("sqs")
    try:
        url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
        queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        if key_id := queue.get("KmsMasterKeyId"):
            _check_key(Local.identity.client("kms"), key_id)
        # Service Catalog sends as itself, so the queue's policy decides.
        Local.identity.client("sqs", principal=SERVICE).send_message(
            QueueUrl=url, MessageBody=json.dumps(message)
        )
    except ClientError as error:
        raise EngineUnreachableError(f"{name}: {error}") from error


def parse_parameters(product: Product, artifact: Artifact, role_arn: str | None) -> list[dict[str, Any]]:
    """Ask the engine's parser for the parameters of a version.

    Raises:
        InvalidParametersError: the parser can't be reached, fails, or answers in an undocumented form.
    """
    request: dict[str, Any] = {"artifact": {"path": f"s3://{publish(product, artifact)}", "type": "AWS_S3"}}
    if role_arn is not None:
        request["launchRoleArn"] = role_arn
    functions = Local.identity.client("lambda")
    function_arn = f"arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:{PARSER}"
    try:
        _check("lambda:InvokeFunction", function_arn, functions.get_policy(FunctionName=PARSER)["Policy"])
        answer = functions.invoke(FunctionName=PARSER, Payload=json.dumps(request))
    except (ClientError, EngineUnreachableError) as error:
        raise InvalidParametersError(f"Access denied while invoking {function_arn}: {error}") from error
    body = answer["Payload"].read()
    if "FunctionError" in answer:
        message = json.loads(body).get("errorMessage", "")
        raise InvalidParametersError(f"Error occurred during parameter parsing: {message}")
    return [_parameter(each) for each in _parsed(body)]


def _parsed(body: bytes) -> list[dict[str, Any]]:
    try:
        parameters = json.loads(body)["parameters"]
        if isinstance(parameters, list) and all(
            type(each[field]) is kind for each in parameters for field, kind in _FIELDS.items()
        ):
            return parameters
    except (ValueError, KeyError, TypeError):
        pass
    raise InvalidParametersError(f"Unable to parse or process {PARSER} lambda response as JSON object")


_FIELDS = {"key": str, "defaultValue": str, "type": str, "description": str, "isNoEcho": bool}


def _parameter(parsed: dict[str, Any]) -> dict[str, Any]:
    return {
        "ParameterKey": parsed["key"],
        "DefaultValue": parsed["defaultValue"],
        "ParameterType": parsed["type"],
        "IsNoEcho": parsed["isNoEcho"],
        "Description": parsed["description"],
        "ParameterConstraints": {"AllowedValues": []},
    }


def _check_key(kms: Any, key_id: str) -> None:
    key = kms.describe_key(KeyId=key_id)["KeyMetadata"]
    if key["KeyManager"] == "AWS":
        raise EngineUnreachableError(f"{key_id} is managed by AWS and cannot be opened to {SERVICE}")
    policy = kms.get_key_policy(KeyId=key["KeyId"], PolicyName="default")["Policy"]
    for action in _KEY_ACTIONS:
        _check(f"kms:{action}", key["Arn"], policy)


def _check(action: str, resource: str, policy: str | None) -> None:
    try:
        allowed = resource_allows(policy, action, resource, OURSELVES)
    except UnsupportedPolicyError as error:
        raise EngineUnreachableError(f"the policy of {resource} cannot be evaluated here: {error}") from error
    if not allowed:
        raise EngineUnreachableError(f"no policy of {resource} allows {SERVICE} {action}")
