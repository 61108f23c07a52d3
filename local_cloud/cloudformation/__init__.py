"""A CloudFormation that behaves as documented, in place of moto's."""

from __future__ import annotations

from moto.cloudformation import urls

from ..world import World
from .api import CloudFormationApi
from .custom_resource import CustomResource
from .faults import Faults
from .resources import Types
from .service import CloudFormation
from .types import PROVIDERS


def install(world: World) -> Faults:
    """Answer CloudFormation requests with this implementation.

    Returns the switch that makes stack operations go wrong. Call it before the server starts.
    """
    faults = Faults()
    service = CloudFormation(world, faults, Types(PROVIDERS, CustomResource()))
    api = type("CloudFormationApi", (CloudFormationApi,), {"service": service})
    urls.url_paths = {"{0}/$": api.dispatch}
    return faults
