"""moto as a WSGI application on a loopback port; what fails inside it is answered as AWS answers failures."""

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

from ..moto_seam import TURNS, patch

log = logging.getLogger(__name__)

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


def listen(application: Application, port: int) -> tuple[int, Callable[[], None]]:
    """Serve an application in threads on a loopback port, 0 for one that the system chooses.

    Returns the port, and what ends it.

    Raises:
        OSError: the port is taken.
    """
    # Binding here: where a port is taken, werkzeug prints and exits.
    with socket.create_server(("127.0.0.1", port)) as bound:
        host, port = bound.getsockname()
        server = make_server(
            host, port, application, threaded=True, request_handler=_Handler, fd=bound.fileno()
        )
    # A connection beyond those that wait to be accepted is tried again after seconds, and then given up.
    server.socket.listen(4096)
    # moto's own code builds URLs of the server from this variable.
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
        pages: what the cloud shows beside the AWS APIs: path -> JSON, for GET requests.
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
    """moto's lists a directory and tries 200 patterns at every request, one request at a time."""

    get_backend_for_host = cache(DomainDispatcherApplication.get_backend_for_host)


class _Handler(MotoRequestHandler):
    disable_nagle_algorithm = True  # headers and body are two writes; waiting for an ACK between costs 40 ms

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing: a request is no news."""


class _Failure(ServiceException):
    """What a client is told when the cloud itself is at fault."""


@patch(BaseResponse, "call_action")
def _call_action(original: Callable[..., Any], self: BaseResponse) -> tuple[int, dict[str, str], str | bytes]:
    """Answer what fails inside moto as the service would; services whose state is shared take turns."""
    try:
        with TURNS.get(str(self.service_name), nullcontext()):
            answer: tuple[int, dict[str, str], str | bytes] = original(self)
    except HTTPException:
        raise
    except ServiceException as refusal:
        status, headers, body = self.serialized(ActionResult(refusal))
        return status, *self._enrich_response(headers, body)
    except Exception as error:
        log.exception("%s %s failed inside the local cloud", self.service_name, self._get_action())
        unknown = isinstance(error, NotImplementedError)
        failure = _Failure(
            "NotImplemented" if unknown else "InternalFailure",
            f"the local cloud cannot do this: {error}" if unknown else f"{type(error).__name__}: {error}",
        )
        _, headers, body = self.serialized(ActionResult(failure))
        return 501 if unknown else 500, *self._enrich_response(headers, body)
    return answer
