"""The URLs of the service. moto looks for this module beside that of the backend."""

from moto.servicequotas.urls import url_bases

from .responses import LocalServiceQuotasResponse

__all__ = ["url_bases", "url_paths"]

url_paths = {"{0}/$": LocalServiceQuotasResponse.dispatch}
