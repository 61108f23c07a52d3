"""Empty a bucket when its stack is deleted. Inline code, so this is all of it: 4096 characters at most.

CloudFormation waits for exactly one answer to every event, so every way through `handle` ends in `answer`.
"""

from __future__ import annotations

import json
from typing import Any

import boto3
import urllib3

# Kept for answering after the last page of deletions, out of the function's 900 seconds.
RESERVED_MILLISECONDS = 60_000


def handle(event: dict[str, Any], context: Any) -> None:
    """Answer a custom resource event; on Delete, empty the bucket named by its property BucketName first."""
    try:
        if event["RequestType"] == "Delete":
            empty(event["ResourceProperties"]["BucketName"], context)
        failure = None
    except (
        Exception
    ) as error:  # whatever it is, CloudFormation would wait an hour for an answer that never comes
        failure = f"{type(error).__name__}: {error}"
    answer(event, failure)


def empty(bucket: str, context: Any) -> None:
    """Delete every version and delete marker, again and again until a listing finds none.

    Raises:
        TimeoutError: the function's time is nearly over. What is deleted stays deleted.
        RuntimeError: S3 refused to delete some object.
    """
    s3: Any = boto3.client("s3")
    while True:
        try:
            page = s3.list_object_versions(Bucket=bucket)
        except s3.exceptions.NoSuchBucket:
            return
        found = [
            {"Key": item["Key"], "VersionId": item["VersionId"]}
            for item in page.get("Versions", []) + page.get("DeleteMarkers", [])
        ]
        if not found:
            return
        if context.get_remaining_time_in_millis() < RESERVED_MILLISECONDS:
            raise TimeoutError(f"bucket {bucket} still holds objects; delete the stack again to go on")
        errors = s3.delete_objects(Bucket=bucket, Delete={"Objects": found, "Quiet": True}).get("Errors")
        if errors:
            raise RuntimeError(f"{errors[0]['Key']} in {bucket}: {errors[0]['Message']}")


def answer(event: dict[str, Any], failure: str | None) -> None:
    """Send the outcome to the event's ResponseURL, with the reason cut: the response may have 4096 bytes.

    Raises:
        ConnectionError: CloudFormation could not be reached; Lambda then runs the event again. The message
            leaves out the URL, because whoever has it can answer in our name.
    """
    bucket = event["ResourceProperties"]["BucketName"]
    response = {
        "Status": "FAILED" if failure else "SUCCESS",
        "Reason": (failure or f"{event['RequestType']} of {bucket}")[:1024],
        # The bucket is the identity, so a replaced bucket brings a Delete for the one before.
        "PhysicalResourceId": event["PhysicalResourceId"] if event["RequestType"] == "Delete" else bucket,
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
