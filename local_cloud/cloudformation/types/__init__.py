"""The resource types that a stack can have: one table for each service, or for a few of them."""

from collections.abc import Mapping

from ..provider import Provider
from . import cloudwatch, compute, ec2, iam, messaging, rds, service_catalog, storage

PROVIDERS: Mapping[str, Provider] = {
    **cloudwatch.TYPES, **compute.TYPES, **ec2.TYPES, **iam.TYPES, **messaging.TYPES, **rds.TYPES,
    **service_catalog.TYPES, **storage.TYPES,
}  # fmt: skip
