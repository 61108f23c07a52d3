"""A CloudFormation that behaves as documented, in place of moto's."""

from __future__ import annotations

from moto.cloudformation import urls

from ..world import World
from . import ec2_dependencies
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
    ec2_dependencies.install(world)
    service = CloudFormation(world, Faults(), Types(PROVIDERS, CustomResource()))
    api = type("CloudFormationApi", (CloudFormationApi,), {"service": service})
    world.patch(urls, "url_paths", {"{0}/$": api.dispatch})
    world.at_stop.append(service.stop)
    return service.faults
