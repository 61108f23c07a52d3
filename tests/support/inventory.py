"""Everything in the account, whoever made it."""

import json
from collections.abc import Iterator
from typing import Any

from local_cloud.cloud import Cloud

LISTINGS = [
    ("rds", "describe_db_instances", "DBInstances"),
    ("rds", "describe_db_subnet_groups", "DBSubnetGroups"),
    ("rds", "describe_db_parameter_groups", "DBParameterGroups"),
    ("rds", "describe_db_snapshots", "DBSnapshots"),
    ("rds", "describe_event_subscriptions", "EventSubscriptionsList"),
    ("ec2", "describe_vpcs", "Vpcs"),
    ("ec2", "describe_subnets", "Subnets"),
    ("ec2", "describe_security_groups", "SecurityGroups"),
    ("ec2", "describe_nat_gateways", "NatGateways"),
    ("ec2", "describe_addresses", "Addresses"),
    ("ec2", "describe_internet_gateways", "InternetGateways"),
    ("ec2", "describe_route_tables", "RouteTables"),
    ("ec2", "describe_vpc_endpoints", "VpcEndpoints"),
    ("ec2", "describe_network_interfaces", "NetworkInterfaces"),
    ("kms", "list_aliases", "Aliases"),
    ("s3", "list_buckets", "Buckets"),
    ("sns", "list_topics", "Topics"),
    ("sns", "list_subscriptions", "Subscriptions"),
    ("logs", "describe_log_groups", "logGroups"),
    ("cloudwatch", "describe_alarms", "MetricAlarms"),
    ("iam", "list_roles", "Roles"),
    ("iam", "list_policies", "Policies"),
    ("lambda", "list_functions", "Functions"),
    ("ec2", "describe_flow_logs", "FlowLogs"),
    ("kms", "list_keys", "Keys"),
    ("logs", "describe_metric_filters", "metricFilters"),
    ("cloudwatch", "list_dashboards", "DashboardEntries"),
    ("stepfunctions", "list_state_machines", "stateMachines"),
    ("events", "list_rules", "Rules"),
    ("secretsmanager", "list_secrets", "SecretList"),
]


def left_with(cloud: Cloud, suffix: str) -> list[str]:
    """Describe everything in the account whose description carries the suffix."""
    described = ((kind, json.dumps(one, default=str)) for kind, one in _everything(cloud))
    return [f"{kind}: {text}" for kind, text in described if f"-{suffix}" in text]


def inventory(cloud: Cloud) -> set[str]:
    """Name everything in the account, by the first name, id or ARN in its description."""
    return {f"{kind}: {next(_names(one))}" for kind, one in _everything(cloud)}


def _names(one: dict[str, Any]) -> Iterator[str]:
    return (value for key, value in one.items() if key.lower().endswith(("name", "id", "arn", "identifier")))


def _everything(cloud: Cloud) -> Iterator[tuple[str, dict[str, Any]]]:
    for service, operation, key in LISTINGS:
        client = cloud.client(service)
        # A thousand policies are AWS's own.
        arguments = {"Scope": "Local"} if operation == "list_policies" else {}
        pages = (
            client.get_paginator(operation).paginate(**arguments)
            if client.can_paginate(operation)
            else [getattr(client, operation)(**arguments)]
        )
        for page in pages:
            for one in page.get(key, []):
                gone = one.get("State") == "deleted" or (key == "Keys" and _is_pending_deletion(cloud, one))
                if not gone:
                    yield f"{service} {key}", one


def _is_pending_deletion(cloud: Cloud, key: dict[str, Any]) -> bool:
    described = cloud.client("kms").describe_key(KeyId=key["KeyId"])["KeyMetadata"]
    return bool(described["KeyState"] == "PendingDeletion")
