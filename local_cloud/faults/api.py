"""Faults of API calls, and a record of who calls which API. Both are off until a test uses them."""

from __future__ import annotations

import re
import select
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from moto.core.exceptions import ServiceException
from moto.core.request import Request
from moto.core.routing import get_service_router
from moto.core.serialize import get_serializer_class
from moto.core.utils import get_service_model
from werkzeug.exceptions import HTTPException
from werkzeug.test import run_wsgi_app

from ..iam.trust import caller_of

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]

# Services that sign requests with another name than boto3's.
_SIGNED_AS = {
    "monitoring": "cloudwatch",
    "servicequotas": "service-quotas",
    "states": "stepfunctions",
    "tagging": "resourcegroupstaggingapi",
}


@dataclass(frozen=True)
class Call:
    """A request to an AWS API, as the service sees it.

    Attributes:
        service: boto3's name of the service.
        operation: such as "DescribeStacks".
        caller: the ARN of the session or user that signed it, or the principal of an AWS service.
        assumed_by: who assumed the caller's role, in the same form. Empty if the caller is no session, or if
            the session began before the first use of these faults.
        text: path and body. They may hold secrets.
    """

    service: str
    operation: str
    caller: str
    assumed_by: str
    text: str = field(repr=False)


@dataclass(frozen=True)
class Exchange:
    """A call before the service sees it, and what serves it."""

    call: Call
    serve: Callable[[], Answer]
    connection: Any
    stopping: threading.Event


@dataclass(frozen=True)
class Answer:
    """An HTTP response."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


# Makes something go wrong in an exchange. Returns None if it cuts the connection without an answer.
Effect = Callable[[Exchange], Answer | None]


@dataclass(eq=False)
class Fault:
    """The effect on the next `times` calls that match. `struck` counts those that it met."""

    matches: Callable[[Call], bool]
    effect: Effect
    times: int
    struck: int = 0


class ApiFaults:
    """The faults of API calls."""

    def __init__(self) -> None:
        self._recording: list[Call] | None = None
        self._faults: list[Fault] = []
        self._sessions: dict[str, str] = {}
        self._lock = threading.Lock()

    @contextmanager
    def recorded(self) -> Iterator[list[Call]]:
        """Record the calls inside the `with` block, in their order."""
        calls: list[Call] = []
        self._recording = calls
        try:
            yield calls
        finally:
            self._recording = None

    def add(self, matches: Callable[[Call], bool], effect: Effect, times: int = 1) -> Fault:
        """Apply an effect to the next calls that match. If several faults match, the oldest counts."""
        fault = Fault(matches, effect, times)
        with self._lock:
            self._faults.append(fault)
        return fault

    def remove(self, fault: Fault) -> None:
        """Remove a fault."""
        with self._lock:
            self._faults.remove(fault)

    def on_the_way_to(self, application: Application, stopping: threading.Event) -> Application:
        """Return an application that applies the faults, until `stopping` is set, and then calls this one."""

        def observe(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            if self._recording is None and not self._faults:
                return application(environ, start_response)
            call = self._read(environ)
            if call is None:
                return application(environ, start_response)

            def serve() -> Answer:
                body, status, headers = run_wsgi_app(application, environ, buffered=True)
                return self._noted(call, Answer(int(status.split()[0]), list(headers), b"".join(body)))

            exchange = Exchange(call, serve, environ.get("werkzeug.socket"), stopping)
            effect = self._strike(call)
            answer = effect(exchange) if effect else serve()
            if answer is None:
                _hang_up(exchange)
                raise ConnectionResetError
            kept = [(name, value) for name, value in answer.headers if name.lower() != "content-length"]
            start_response(f"{answer.status} -", [*kept, ("Content-Length", str(len(answer.body)))])
            return [answer.body]

        return observe

    def _strike(self, call: Call) -> Effect | None:
        with self._lock:
            if self._recording is not None:
                self._recording.append(call)
            for fault in self._faults:
                if fault.struck < fault.times and fault.matches(call):
                    fault.struck += 1
                    return fault.effect
        return None

    def _read(self, environ: dict[str, Any]) -> Call | None:
        authorization = environ.get("HTTP_AUTHORIZATION", "")
        scope = re.search(r"Credential=([^/\s]+)/\d+/[^/]+/([^/]+)/", authorization)
        if scope is None:
            return None
        body = b""
        if environ.get("CONTENT_LENGTH"):
            body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
            environ["wsgi.input"] = BytesIO(body)
        service = _SIGNED_AS.get(scope[2], scope[2])
        caller = caller_of(authorization)
        return Call(
            service,
            _operation(service, environ, body),
            caller.session_arn or caller.service,
            self._sessions.get(scope[1], ""),
            f"{environ['PATH_INFO']}\n{body.decode(errors='replace')}",
        )

    def _noted(self, call: Call, answer: Answer) -> Answer:
        """Note who assumed the role of a new session."""
        if call.operation == "AssumeRole":
            for key in re.findall(rb"<AccessKeyId>(.+?)</AccessKeyId>", answer.body):
                self._sessions[key.decode()] = call.caller
        return answer


def _operation(service: str, environ: dict[str, Any], body: bytes) -> str:
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        return str(target).rpartition(".")[2]
    if action := re.search(rb"(?:^|&)Action=(\w+)", body):
        return action[1].decode()
    try:
        return str(get_service_router(service).match(Request(environ))[0].name)
    except HTTPException:
        return ""


class Refused(ServiceException):
    """A service's error that a test asked for."""


# Effects. The codes are those of each service's API reference, "Common errors" and "Error responses".


def refuse(code: str, message: str, status: int) -> Effect:
    """Answer with an error of the service, and do nothing else."""

    def effect(exchange: Exchange) -> Answer:
        call = exchange.call
        model = get_service_model(call.service)
        serializer = get_serializer_class(call.service, str(model.resolved_protocol))
        answer = serializer(model.operation_model(call.operation)).serialize(Refused(code, message))
        body = answer["body"]
        encoded = body.encode() if isinstance(body, str) else bytes(body)
        return Answer(status, list(answer["headers"].items()), encoded)

    return effect


def throttle(exchange: Exchange) -> Answer | None:
    """Refuse as the service does when there are too many requests."""
    code, status = {
        "ec2": ("RequestLimitExceeded", 503),
        "lambda": ("TooManyRequestsException", 429),
        "s3": ("SlowDown", 503),
        "service-quotas": ("TooManyRequestsException", 400),
    }.get(
        exchange.call.service, ("ThrottlingException" if _speaks_json(exchange.call) else "Throttling", 400)
    )
    return refuse(code, "Rate exceeded", status)(exchange)


def deny(exchange: Exchange) -> Answer | None:
    """Refuse as the service does when no policy allows the action."""
    call = exchange.call
    json = _speaks_json(call)
    code = {"ec2": "UnauthorizedOperation", "sns": "AuthorizationError"}.get(
        call.service, "AccessDeniedException" if json or call.service == "lambda" else "AccessDenied"
    )
    prefix = get_service_model(call.service).signing_name
    message = f"User: {call.caller} is not authorized to perform: {prefix}:{call.operation}"
    return refuse(code, message, 400 if json else 403)(exchange)


def expire(exchange: Exchange) -> Answer | None:
    """Refuse as the service does when the caller's session has expired."""
    code, status = {"ec2": ("RequestExpired", 400), "s3": ("ExpiredToken", 400)}.get(
        exchange.call.service,
        ("ExpiredTokenException", 400) if _speaks_json(exchange.call) else ("ExpiredToken", 403),
    )
    return refuse(code, "The security token included in the request is expired", status)(exchange)


def fail(exchange: Exchange) -> Answer | None:
    """Answer with a fault inside the service, and do nothing else."""
    code = {"ec2": "InternalError", "lambda": "ServiceException", "s3": "InternalError"}
    return refuse(code.get(exchange.call.service, "InternalFailure"), "An internal error occurred", 500)(
        exchange
    )


def cut(exchange: Exchange) -> None:
    """Cut the connection before the service sees the request."""


def lose(exchange: Exchange) -> None:
    """Serve the request, then cut the connection before the answer."""
    exchange.serve()


def hang(exchange: Exchange) -> None:
    """Serve the request and never answer, until the client gives up."""
    exchange.serve()
    poll = select.poll()
    poll.register(exchange.connection, select.POLLIN)
    while not exchange.stopping.is_set():
        if poll.poll(200):  # the client has closed the connection
            return


def garble(exchange: Exchange) -> Answer:
    """Serve the request, and send only the first half of the answer."""
    answer = exchange.serve()
    return Answer(answer.status, answer.headers, answer.body[: max(1, len(answer.body) // 2)])


def after(do: Callable[[], None]) -> Effect:
    """Serve the request, then call `do`, then answer."""

    def effect(exchange: Exchange) -> Answer:
        answer = exchange.serve()
        do()
        return answer

    return effect


def before(do: Callable[[], None]) -> Effect:
    """Call `do`, then serve the request."""

    def effect(exchange: Exchange) -> Answer:
        do()
        return exchange.serve()

    return effect


def _speaks_json(call: Call) -> bool:
    return str(get_service_model(call.service).resolved_protocol) == "json"


def _hang_up(exchange: Exchange) -> None:
    try:
        exchange.connection.shutdown(2)
    except OSError:  # the client has gone already
        return
