"""moto as a WSGI application on a loopback port. It answers its own faults as AWS services answer theirs."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from functools import cache
from typing import Any

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, BaseResponse
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.exceptions import HTTPException
from werkzeug.serving import make_server

from ..moto_seam import TURNS, Local, patch

log = logging.getLogger(__name__)

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


def listen(application: Application, port: int) -> tuple[int, Callable[[], None]]:
    """Serve an application in threads on a loopback port, 0 for one that the system chooses.

    Returns the port, and what ends it.

    Raises:
        OSError: the port is taken.
    """
    # We bind the port ourselves: werkzeug exits if it is taken.
    with socket.create_server(("127.0.0.1", port)) as bound:
        host, port = bound.getsockname()
        server = make_server(
            host, port, application, threaded=True, request_handler=_Handler, fd=bound.fileno()
        )
    # If the backlog is full, a client waits seconds before it tries again, and then gives up.
    server.socket.listen(4096)
    # moto builds URLs of the server from this variable.
    before = os.environ.get("MOTO_PORT")
    os.environ["MOTO_PORT"] = str(port)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="local-cloud", daemon=True)
    thread.start()

    def end() -> None:
        server.shutdown()
        thread.join()
        server.server_close()
        os.environ.pop("MOTO_PORT")
        if before is not None:
            os.environ["MOTO_PORT"] = before

    return port, end


def answering(pages: dict[str, Callable[[], str]]) -> Application:
    """Return moto as an application.

    Args:
        pages: the paths beside the AWS APIs -> a function that returns JSON, for GET.
    """
    moto = _Dispatcher(create_backend_app)

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        page = pages.get(environ.get("PATH_INFO", ""))
        if page is not None and environ["REQUEST_METHOD"] == "GET":
            start_response("200 OK", [("Content-Type", "application/json")])
            return [page().encode()]
        try:
            answer: Iterable[bytes] = moto(environ, start_response)
        except Exception as error:
            log.exception(
                "%s %s failed inside the local cloud", environ["REQUEST_METHOD"], environ["PATH_INFO"]
            )
            start_response("500 Internal Server Error", [("Content-Type", "application/xml")])
            name = type(error).__name__
            answer = [f"<Error><Code>InternalError</Code><Message>{name}</Message></Error>".encode()]
        return answer

    return application


class _Dispatcher(DomainDispatcherApplication):
    """Finds the service's application faster: moto tries 200 patterns for each request, under one lock."""

    get_backend_for_host = cache(DomainDispatcherApplication.get_backend_for_host)


class _Handler(MotoRequestHandler):
    disable_nagle_algorithm = True  # with it, the body waits 40 ms for the ACK of the headers

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing: requests are too many."""


class _Failure(ServiceException):
    """The answer to a request when the fault is in the local cloud itself."""


@patch(BaseResponse, "call_action")
def _call_action(original: Callable[..., Any], self: BaseResponse) -> tuple[int, dict[str, str], str | bytes]:
    """Answer a failure inside moto as the service would. Requests to services in TURNS take turns."""
    try:
        with TURNS.get(str(self.service_name), nullcontext()):
            answer: tuple[int, dict[str, str], str | bytes] = original(self)
    except HTTPException:
        raise
    except ServiceException as refusal:
        status, headers, body = self.serialized(ActionResult(refusal))
        return status, *self._enrich_response(headers, body)
    except Exception as error:
        if not Local.clock.stopping.is_set():  # otherwise what it called has ended below it
            log.exception("%s %s failed inside the local cloud", self.service_name, self._get_action())
        unknown = isinstance(error, NotImplementedError)
        failure = _Failure(
            "NotImplemented" if unknown else "InternalFailure",
            f"the local cloud cannot do this: {error}" if unknown else f"{type(error).__name__}: {error}",
        )
        _, headers, body = self.serialized(ActionResult(failure))
        return 501 if unknown else 500, *self._enrich_response(headers, body)
    return answer
