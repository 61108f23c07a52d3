"""The URLs of the service. moto looks for this module beside that of the backend."""

from moto.rds.urls import url_bases

from .responses import LocalRDSResponse

__all__ = ["url_bases", "url_paths"]

url_paths = {"{0}/$": LocalRDSResponse.dispatch}
