"""The URLs of the service. moto looks for this module beside that of the backend."""

from moto.s3.urls import url_bases
from moto.s3.urls import url_paths as moto_paths

from .responses import LocalS3Response

__all__ = ["url_bases", "url_paths"]

# moto's paths lead to methods of its class. Our class has methods with the same names.
url_paths = {path: getattr(LocalS3Response, method.__name__) for path, method in moto_paths.items()}
