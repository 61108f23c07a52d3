"""The URLs of the service. moto looks for this module beside that of the backend."""

from moto.cloudwatch.urls import url_bases

from .responses import LocalCloudWatchResponse

__all__ = ["url_bases", "url_paths"]

url_paths = {"{0}/$": LocalCloudWatchResponse.dispatch}
