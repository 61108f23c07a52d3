"""The URLs of the service. moto looks for this module beside that of the backend."""

from moto.sqs.urls import url_bases

from .responses import LocalSQSResponse

__all__ = ["url_bases", "url_paths"]

url_paths = {
    "{0}/$": LocalSQSResponse.dispatch,
    r"{0}/(?P<account_id>\d+)/(?P<queue_name>[a-zA-Z0-9\-_\.]+)": LocalSQSResponse.dispatch,
}
