"""Service Catalog with its provisioning side, for products of type EXTERNAL.

README.md in this directory lists what was chosen where AWS documents nothing.
"""

from __future__ import annotations

import moto.servicecatalog.urls

from local_cloud.world import World

from . import browsing, constraints, notifications, portfolios, products, provisioning, records, tag_options
from .calls import ServiceCatalog
from .responses import ServiceCatalogResponse

__all__ = ["ServiceCatalog", "install", "installed"]

# Importing them is what puts their operations on offer.
_OPERATIONS_OF = (
    browsing,
    constraints,
    notifications,
    portfolios,
    products,
    provisioning,
    records,
    tag_options,
)


def install(world: World) -> ServiceCatalog:
    """Replace moto's Service Catalog. Call it before the server starts."""
    paths = moto.servicecatalog.urls.url_paths
    original = paths["{0}/$"]
    world.at_stop.append(lambda: paths.update({"{0}/$": original}))
    paths["{0}/$"] = ServiceCatalogResponse.dispatch
    ServiceCatalogResponse.service = ServiceCatalog(world)
    return ServiceCatalogResponse.service


def installed() -> ServiceCatalog:
    """Return the service of the running cloud, with what no API shows, such as every answer to a record."""
    return ServiceCatalogResponse.service
