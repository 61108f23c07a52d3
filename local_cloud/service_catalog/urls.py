"""The URLs of the service. moto looks for this module beside that of the backend."""

from moto.servicecatalog.urls import url_bases
from moto.servicecatalog.urls import url_paths as moto_paths

from .responses import LocalServiceCatalogResponse

__all__ = ["url_bases", "url_paths"]

# moto's other paths belong to Service Catalog AppRegistry.
url_paths = moto_paths | {"{0}/$": LocalServiceCatalogResponse.dispatch}
