"""The URLs of the service. moto looks for this module beside that of the backend."""

from moto.sns.urls import url_bases

from .responses import LocalSNSResponse

__all__ = ["url_bases", "url_paths"]

url_paths = {
    "{0}/$": LocalSNSResponse.dispatch,
    "{0}/SimpleNotificationService-(?P<pem_id>[^/]+).pem": LocalSNSResponse.serve_pem,
}
