"""Where moto looks for what answers requests, beside the module of the backend."""

from moto.iam.urls import url_bases, url_paths

__all__ = ["url_bases", "url_paths"]
