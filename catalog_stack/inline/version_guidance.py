"""What CloudFormation has no property for: the guidance about a product's version, and whether it is active.

This file is the whole code of an inline function. CloudFormation waits for exactly one answer to every event,
so every way through the handler ends in `_answer`. The product's inline functions answer alike, with code of
their own: it is part of released versions, which never change, while this may at any deployment.
"""

from __future__ import annotations

import json
import time
from typing import Any

import boto3
import urllib3

# A version that was created a moment ago may not be found yet: seconds until it is looked for again.
PAUSE = 5
# Kept for answering, out of the function's time.
RESERVED_MILLISECONDS = 30_000


def mark_versions(event: dict[str, Any], context: Any) -> None:
    """On Create and Update, give each version its guidance and say whether it is active.

    The property Versions is a list of {Name, Guidance, Active}; other versions of the product stay as they
    are. On Delete there is nothing to do: the versions go with their product.
    """
    failure = None
    try:
        if event["RequestType"] != "Delete":
            _mark(event["ResourceProperties"], context)
    except (
        Exception
    ) as error:  # whatever it is, CloudFormation would wait an hour for an answer that never comes
        failure = f"{type(error).__name__}: {error}"
    _answer(event, failure)


def _mark(properties: dict[str, Any], context: Any) -> None:
    """Go on until every version is found and marked.

    Raises:
        TimeoutError: the function's time is nearly over.
    """
    service_catalog: Any = boto3.client("servicecatalog")
    product_id, versions = properties["ProductId"], properties["Versions"]
    while versions := _not_found(service_catalog, product_id, versions):
        if context.get_remaining_time_in_millis() < RESERVED_MILLISECONDS + 1000 * PAUSE:
            names = ", ".join(version["Name"] for version in versions)
            raise TimeoutError(f"Service Catalog does not find {names} among the versions of {product_id}")
        time.sleep(PAUSE)


def _not_found(service_catalog: Any, product_id: str, versions: list[dict[str, str]]) -> list[dict[str, str]]:
    """Mark the versions that Service Catalog finds, and return the others."""
    try:
        listed = service_catalog.list_provisioning_artifacts(ProductId=product_id)
    except service_catalog.exceptions.ResourceNotFoundException:
        return versions
    found = {detail["Name"]: detail for detail in listed["ProvisioningArtifactDetails"]}
    missing = []
    for version in versions:
        detail, active = found.get(version["Name"]), version["Active"] == "true"
        try:
            if detail is None:
                missing.append(version)
            elif (detail.get("Guidance"), detail.get("Active")) != (version["Guidance"], active):
                service_catalog.update_provisioning_artifact(
                    ProductId=product_id,
                    ProvisioningArtifactId=detail["Id"],
                    Guidance=version["Guidance"],
                    Active=active,
                )
        except service_catalog.exceptions.ResourceNotFoundException:
            missing.append(version)
    return missing


def _answer(event: dict[str, Any], failure: str | None) -> None:
    """Send the outcome to the event's ResponseURL, with the reason cut: the response may have 4096 bytes.

    Raises:
        ConnectionError: CloudFormation could not be reached; Lambda then runs the event again. The message
            leaves out the URL, because whoever has it can answer in our name.
    """
    product_id = event["ResourceProperties"]["ProductId"]
    response = {
        "Status": "FAILED" if failure else "SUCCESS",
        "Reason": (failure or f"{event['RequestType']} of the guidance of {product_id}")[:1024],
        "PhysicalResourceId": event["PhysicalResourceId"] if event["RequestType"] == "Delete" else product_id,
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
