"""What there is in the account, whoever made it."""

import json

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
    ("events", "list_rules", "Rules"),
    ("secretsmanager", "list_secrets", "SecretList"),
]


def left_with(cloud: Cloud, suffix: str) -> list[str]:
    """Describe everything in the account whose description carries the suffix."""
    left = []
    for service, operation, key in LISTINGS:
        client = cloud.client(service)
        pages = (
            client.get_paginator(operation).paginate()
            if client.can_paginate(operation)
            else [getattr(client, operation)()]
        )
        for page in pages:
            for one in page.get(key, []):
                text = json.dumps(one, default=str)
                if f"-{suffix}" in text and one.get("State") != "deleted":
                    left.append(f"{service} {key}: {text}")
    return left
