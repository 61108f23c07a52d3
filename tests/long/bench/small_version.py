"""A version with only what the engine looks at, so that two processors launch hundreds of it."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from local_cloud.cloud import Cloud
from local_cloud.demo.synthesize import Offer, offer
from tests.support.versions import derived, no_connection_limit

NAME = "0.1.0"
# Of the newest version: database, key, groups, topic and one alarm. The network is the default VPC.
KEPT = (
    "EncryptionKey",
    "DatabaseParameterGroup",
    "DatabaseSubnetGroup",
    "DatabaseInstance",
    "MonitoringTopic",
    "MonitoringCpuAlarm",
)


def release(cloud: Cloud) -> Offer:
    """Release the version as a platform team does: a file, a version of the product, a sum in the engine."""
    body = json.dumps(_template(cloud))
    s3, catalog = cloud.client("s3"), cloud.client("servicecatalog")
    s3.create_bucket(Bucket="small-version")
    s3.put_object(Bucket="small-version", Key="template.json", Body=body.encode())
    of_product = offer(cloud)
    catalog.create_provisioning_artifact(
        ProductId=of_product.product_id,
        IdempotencyToken="small",
        Parameters={
            "Name": NAME,
            "Type": "EXTERNAL",
            "DisableTemplateValidation": True,
            "Info": {"LoadTemplateFromURL": "https://small-version.s3.amazonaws.com/template.json"},
        },
    )
    _trust(cloud, hashlib.sha256(body.encode()).hexdigest())
    return offer(cloud, NAME)


def _template(cloud: Cloud) -> dict[str, Any]:
    template = derived(1, no_connection_limit)
    resources = {name: template["Resources"][name] for name in KEPT}
    filters = [{"Name": "default-for-az", "Values": ["true"]}]
    subnets = cloud.client("ec2").describe_subnets(Filters=filters)["Subnets"]
    resources["DatabaseSubnetGroup"]["Properties"]["SubnetIds"] = [each["SubnetId"] for each in subnets[:2]]
    del resources["DatabaseInstance"]["DependsOn"]
    for name in (
        "VPCSecurityGroups",
        "EnableCloudwatchLogsExports",
        "MonitoringInterval",
        "MonitoringRoleArn",
    ):
        del resources["DatabaseInstance"]["Properties"][name]
    outputs = {"AlertTopicArn": template["Outputs"]["AlertTopicArn"]}
    parameters = {name: rules for name, rules in template["Parameters"].items() if name != "VpcCidr"}
    return {
        "Description": "The least of a TapStack",
        "Parameters": parameters,
        "Resources": resources,
        "Outputs": outputs,
    }


def _trust(cloud: Cloud, digest: str) -> None:
    functions = cloud.client("lambda")
    for page in functions.get_paginator("list_functions").paginate():
        for function in page["Functions"]:
            variables = function.get("Environment", {}).get("Variables", {})
            if "RELEASED" in variables:
                variables["RELEASED"] += f",{NAME}={digest}"
                functions.update_function_configuration(
                    FunctionName=function["FunctionName"], Environment={"Variables": variables}
                )
