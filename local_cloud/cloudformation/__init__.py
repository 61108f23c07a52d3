"""A CloudFormation that behaves as documented, in place of moto's."""

from __future__ import annotations

from moto.cloudformation import urls

from ..world import World
from .api import api_of
from .custom_resource import CustomResource
from .provider import Types
from .service import CloudFormation
from .types import PROVIDERS


def install(world: World) -> None:
    """Answer CloudFormation requests with this implementation. Call it before the server starts."""
    service = CloudFormation(world, Types(PROVIDERS, CustomResource()))
    world.patch(urls, "url_paths", {"{0}/$": api_of(service).dispatch})
    world.at_stop.append(service.stacks.stop)
