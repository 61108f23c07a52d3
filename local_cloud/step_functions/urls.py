"""The URLs of the service. moto looks for this module beside that of the backend."""

from moto.stepfunctions.urls import url_bases

from .responses import LocalStepFunctionsResponse

__all__ = ["url_bases", "url_paths"]

url_paths = {"{0}/$": LocalStepFunctionsResponse.dispatch}
