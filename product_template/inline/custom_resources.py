"""What CloudFormation has no resource type for: emptying a bucket, closing the default security group.

This file is the whole code of two inline functions; each runs one handler, with a role for it alone.
CloudFormation waits for exactly one answer to every event, so every way through a handler ends in `_answer`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import boto3
import urllib3

# Kept for answering after the last page of deletions, out of the function's 900 seconds.
RESERVED_MILLISECONDS = 60_000


def empty_bucket(event: dict[str, Any], context: Any) -> None:
    """On Delete, empty the bucket named by the property BucketName; it takes nothing in from then on."""
    bucket = event["ResourceProperties"]["BucketName"]
    # The bucket is the identity, so a replaced bucket brings a Delete for the one before.
    _handle(event, bucket, on=("Delete",), work=lambda: _empty(bucket, context))


def close_security_group(event: dict[str, Any], context: Any) -> None:  # noqa: ARG001
    """On Create and Update, take all rules off the security group named by the property GroupId.

    On Delete there is nothing to do: a default security group goes with its VPC.
    """
    group = event["ResourceProperties"]["GroupId"]
    _handle(event, group, on=("Create", "Update"), work=lambda: _close(group))


def _handle(event: dict[str, Any], resource: str, *, on: tuple[str, ...], work: Callable[[], None]) -> None:
    try:
        if event["RequestType"] in on:
            work()
        failure = None
    except (
        Exception
    ) as error:  # whatever it is, CloudFormation would wait an hour for an answer that never comes
        failure = f"{type(error).__name__}: {error}"
    _answer(event, resource, failure)


def _empty(bucket: str, context: Any) -> None:
    """Delete every version and delete marker, again and again until a listing finds none.

    Raises:
        TimeoutError: the function's time is nearly over. What is deleted stays deleted.
        RuntimeError: S3 refused to delete some object.
    """
    s3: Any = boto3.client("s3")
    try:
        _refuse_new_objects(s3, bucket)
        while found := _versions(s3, bucket):
            if context.get_remaining_time_in_millis() < RESERVED_MILLISECONDS:
                raise TimeoutError(f"bucket {bucket} still holds objects; delete the stack again to go on")
            errors = s3.delete_objects(Bucket=bucket, Delete={"Objects": found, "Quiet": True}).get("Errors")
            if errors:
                raise RuntimeError(f"{errors[0]['Key']} in {bucket}: {errors[0]['Message']}")
    except s3.exceptions.NoSuchBucket:
        return


def _refuse_new_objects(s3: Any, bucket: str) -> None:
    """Keep late access logs and running exports out: one object more, and the bucket cannot be deleted."""
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{bucket}/*",
    }
    s3.put_bucket_policy(
        Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    )


def _versions(s3: Any, bucket: str) -> list[dict[str, str]]:
    page = s3.list_object_versions(Bucket=bucket)
    return [
        {"Key": item["Key"], "VersionId": item["VersionId"]}
        for item in page.get("Versions", []) + page.get("DeleteMarkers", [])
    ]


def _close(group_id: str) -> None:
    ec2: Any = boto3.client("ec2")
    [group] = ec2.describe_security_groups(GroupIds=[group_id])["SecurityGroups"]
    if group["IpPermissions"]:
        ec2.revoke_security_group_ingress(GroupId=group_id, IpPermissions=group["IpPermissions"])
    if group["IpPermissionsEgress"]:
        ec2.revoke_security_group_egress(GroupId=group_id, IpPermissions=group["IpPermissionsEgress"])


def _answer(event: dict[str, Any], resource: str, failure: str | None) -> None:
    """Send the outcome to the event's ResponseURL, with the reason cut: the response may have 4096 bytes.

    Raises:
        ConnectionError: CloudFormation could not be reached; Lambda then runs the event again. The message
            leaves out the URL, because whoever has it can answer in our name.
    """
    response = {
        "Status": "FAILED" if failure else "SUCCESS",
        "Reason": (failure or f"{event['RequestType']} of {resource}")[:1024],
        "PhysicalResourceId": event["PhysicalResourceId"] if event["RequestType"] == "Delete" else resource,
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
    }
    print(json.dumps(response))  # noqa: T201
    try:
        status = (
            urllib3.PoolManager()
            .request(
                "PUT",
                event["ResponseURL"],
                body=json.dumps(response),
                headers={"Content-Type": ""},
                retries=5,
            )
            .status
        )
    except urllib3.exceptions.HTTPError as error:
        raise ConnectionError(f"CloudFormation was not reached: {type(error).__name__}") from None
    if status != 200:
        raise ConnectionError(f"CloudFormation refused the answer with HTTP status {status}")
