"""Condition keys that come from a resource: its tags, and the aliases of a key."""

from __future__ import annotations

from moto.ec2.models import ec2_backends
from moto.logs.models import logs_backends
from moto.rds.models import rds_backends

from ..account import ACCOUNT_ID, REGION
from ..kms.models import backend as kms


def resource_context(arn: str | None) -> dict[str, str]:
    """Return the condition keys about a resource of EC2, KMS, CloudWatch Logs or RDS."""
    if not arn or arn == "*":
        return {}
    service, resource = arn.split(":")[2], arn.split(":", 5)[5]
    tags: dict[str, str] = {}
    if service == "kms":
        return kms().context_that_counts(resource.rpartition("/")[2])
    if service == "ec2":
        tags = ec2_backends[ACCOUNT_ID][REGION].tags.get(resource.rpartition("/")[2], {})
    elif service == "logs":
        tags = logs_backends[ACCOUNT_ID][REGION].tagger.get_tag_dict_for_resource(arn.removesuffix(":*"))
    elif service == "rds":
        listed = rds_backends[ACCOUNT_ID][REGION].list_tags_for_resource(arn)
        tags = {tag["Key"]: tag["Value"] for tag in listed}
    return {f"aws:ResourceTag/{key}": value for key, value in tags.items()}
