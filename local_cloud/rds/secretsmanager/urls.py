"""The URLs of the service. moto looks for this module beside that of the backend."""

from moto.secretsmanager.urls import url_bases, url_paths

__all__ = ["url_bases", "url_paths"]
