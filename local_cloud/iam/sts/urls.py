"""The URLs of the service. moto looks for this module beside that of the backend."""

from moto.sts.urls import url_bases

from .responses import LocalTokenResponse

__all__ = ["url_bases", "url_paths"]

url_paths = {"{0}/$": LocalTokenResponse.dispatch}
