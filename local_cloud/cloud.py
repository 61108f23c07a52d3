"""The local cloud: moto's AWS APIs on a loopback port, with the services that moto lacks or gets wrong."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from functools import cache
from types import TracebackType
from typing import Any, Self

from moto.core import errors, responses
from moto.core.base_backend import BackendDict
from moto.core.config import default_user_config
from moto.core.exceptions import ServiceException
from moto.core.model_instances import reset_model_data
from moto.core.responses import ActionResult, BaseResponse
from moto.core.serialize import AttributePicker, AttributePickerContext, XFormedAttributePicker
from moto.core.utils import method_names_from_class
from moto.ec2.models.core import TaggedEC2Resource
from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE, get_prefix
from moto.iam import models as iam_models
from moto.logs.metric_filters import MetricFilters
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.utilities.utils import get_partition
from werkzeug.exceptions import HTTPException
from werkzeug.serving import make_server

from . import cloudformation, kms, moto_seam, service_catalog
from .account import REGION
from .clock import Clock
from .cloudwatch import storage_metric as rds_metrics
from .door import guarded
from .events.bus import Bus
from .faults import Faults
from .iam import authorization, boundaries, trust
from .iam.identity import Identity
from .lambda_ import event_sources
from .lambda_ import functions as lambda_functions
from .moto_seam import TURNS, Local
from .quotas import limits as account
from .rds import exports as rds_exports
from .rds import instances as rds
from .rds import modifications as rds_modifications
from .rds import snapshots as rds_snapshots
from .rds import state as rds_state
from .rds import subscriptions as rds_subscriptions
from .s3 import object_lock
from .sns import notifications
from .sns.mailbox import Mailbox
from .step_functions import machines as step_functions
from .world import World

log = logging.getLogger(__name__)

# In the order in which they patch moto: rds builds on the quotas of account.
PARTS = (
    trust,
    authorization,
    boundaries,
    kms,
    lambda_functions,
    step_functions,
    event_sources,
    notifications,
    account,
    object_lock,
    rds_state,
    rds,
    rds_modifications,
    rds_snapshots,
    rds_exports,
    rds_metrics,
    rds_subscriptions,
    cloudformation,
    service_catalog,
)


class AlreadyRunningError(Exception):
    """moto keeps its state in module variables, so one process holds one local cloud at a time."""


class Cloud:
    """A running local cloud, as a context manager. Its state is gone when it stops.

    Args:
        speed: AWS seconds that pass in one second here.
        port: the loopback port to serve on; 0 lets the system choose.
    """

    _running = threading.Lock()

    def __init__(self, speed: float = 300.0, port: int = 0) -> None:
        self.clock = Clock(speed)
        self.identity = Identity()
        self.faults = Faults()
        self.world = World.running = World(self.clock, self.identity)
        self.world.bus = Bus(self.world)
        self._port = port

    @property
    def mailbox(self) -> Mailbox:
        """The mail that this cloud has sent."""
        return self.world.mailbox

    @property
    def quotas(self) -> dict[str, float]:
        """Quota code -> the value applied to the account; may be changed at any time."""
        return self.world.quotas

    @property
    def endpoint(self) -> str:
        """The URL to give to AWS_ENDPOINT_URL."""
        return self.identity.endpoint

    def client(self, service: str) -> Any:
        """Return a boto3 client for `service`, with the account's administrator as the caller."""
        return self.identity.client(service)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Serve until `stop`.

        Raises:
            AlreadyRunningError: another Cloud of this process has not been stopped.
            OSError: the port is taken.
        """
        if not Cloud._running.acquire(blocking=False):
            raise AlreadyRunningError("a local cloud is already running in this process; stop it first")
        try:
            self._install()
            self._serve()
        except BaseException:
            self._undo()
            Cloud._running.release()
            raise

    def stop(self) -> None:
        """End every thread and process of this cloud and forget its state."""
        self.clock.stopping.set()
        self._undo()
        BackendDict.reset()
        reset_model_data()
        Cloud._running.release()

    def _install(self) -> None:
        # moto looks through a class for its methods at every request.
        self.world.patch(responses, "method_names_from_class", cache(method_names_from_class))
        # Looking for a caller, moto fills the IAM of every partition: each with 1,500 policies of AWS.
        self.world.patch(iam_models, "PARTITION_NAMES", [get_partition(REGION)])
        # moto takes one lock at every look into any of its backends; hundreds of threads stood before it.
        create = BackendDict._create_account_specific_backend
        self.world.patch(
            BackendDict,
            "_create_account_specific_backend",
            lambda backends, account: account in backends or create(backends, account),
        )
        # moto looks for the operation of a REST request each time that it is asked for: four times a request.
        route = BaseResponse._get_action_from_method_and_request_uri
        self.world.patch(
            BaseResponse, "_get_action_from_method_and_request_uri", lambda *asked: _routed(route, *asked)
        )
        # moto works out for every attribute of every answer what names it may have in its models.
        for picker in (AttributePicker, XFormedAttributePicker):
            self.world.patch(picker, "get_possible_keys", _remembered(picker.get_possible_keys))
        # moto compares the id with that of every resource there has ever been, by a regular expression.
        self.world.patch(TaggedEC2Resource, "get_tags", _tags_of)
        # moto adds a changed metric filter to the one there was, and deletes one of the two.
        add_filter = MetricFilters.add_filter
        self.world.patch(MetricFilters, "add_filter", lambda *put: _put_filter(add_filter, *put))
        # moto warns of error codes that botocore's models lack; the services send such codes, too.
        self.world.patch(errors, "warn", lambda *_, **__: None)
        settings = {
            "stepfunctions": {"execute_state_machine": True},
            "iam": {"load_aws_managed_policies": True},
        }
        self.world.at_stop.append(lambda before=dict(default_user_config): default_user_config.update(before))  # type: ignore[misc]
        default_user_config.update(settings)  # type: ignore[typeddict-item]
        Local.clock, Local.identity, Local.faults = self.clock, self.identity, self.faults
        Local.bus = self.world.bus
        self.world.at_stop.append(moto_seam.apply_patches())
        _answer_failures(self.world)
        for part in PARTS:
            part.install(self.world)

    def _serve(self) -> None:
        # Binding here: where a port is taken, werkzeug prints and exits.
        with socket.create_server(("127.0.0.1", self._port)) as bound:
            host, port = bound.getsockname()
            application, descriptor = self._application(), bound.fileno()
            server = make_server(
                host, port, application, threaded=True, request_handler=_Handler, fd=descriptor
            )
        # A connection beyond those that wait to be accepted is tried again after seconds, and then given up.
        server.socket.listen(4096)
        self.identity.endpoint = f"http://127.0.0.1:{server.port}"
        # moto's own code builds URLs of the server from this variable.
        before = os.environ.get("MOTO_PORT")
        os.environ["MOTO_PORT"] = str(server.port)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="local-cloud", daemon=True)
        thread.start()

        def end() -> None:
            server.shutdown()
            thread.join()
            server.server_close()
            os.environ.pop("MOTO_PORT")
            if before is not None:
                os.environ["MOTO_PORT"] = before

        self.world.at_stop.append(end)

    def _application(self) -> Callable[[dict[str, Any], Any], Iterable[bytes]]:
        moto = _Dispatcher(create_backend_app)

        def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            page = self.world.pages.get(environ.get("PATH_INFO", ""))
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
                answer = [
                    f"<Error><Code>InternalError</Code><Message>{type(error).__name__}</Message></Error>".encode()
                ]
            return answer

        return guarded(self.faults.api.on_the_way_to(application, self.clock.stopping), self.world.pages)

    def _undo(self) -> None:
        while self.world.at_stop:
            self.world.at_stop.pop()()


class _Dispatcher(DomainDispatcherApplication):
    """moto's lists a directory and tries 200 patterns at every request, one request at a time."""

    get_backend_for_host = cache(DomainDispatcherApplication.get_backend_for_host)


def _put_filter(
    add_filter: Callable[..., None], filters: MetricFilters, name: str, pattern: str, group: str, metrics: Any
) -> None:
    filters.delete_filter(name, group)
    add_filter(filters, name, pattern, group, metrics)


def _routed(route: Callable[..., str | None], response: BaseResponse, request: Any) -> str | None:
    known: tuple[Any, str | None] | None = vars(response).get("_routed")
    if known is None or known[0] is not request:
        known = vars(response)["_routed"] = (request, route(response, request))
    return known[1]


def _remembered(
    possible_keys: Callable[[Any, AttributePickerContext], Iterable[str]],
) -> Callable[[Any, AttributePickerContext], list[str]]:
    """They depend on nothing but the classes, the shape (a member of one structure) and the key."""
    known: dict[tuple[type, type, Any, str], list[str]] = {}

    def keys(picker: Any, context: AttributePickerContext) -> list[str]:
        asked = (type(picker), type(context.obj), context.shape, context.key)
        if asked not in known:
            known[asked] = list(possible_keys(picker, context))
        return known[asked]

    return keys


def _tags_of(resource: Any) -> list[dict[str, str]]:
    kind = EC2_PREFIX_TO_RESOURCE.get(get_prefix(resource.id or ""), "")
    tags = resource.ec2_backend.tags.get(resource.id, {})
    return [
        {"resource_id": resource.id, "key": key, "value": value, "resource_type": kind}
        for key, value in tags.items()
    ]


class _Handler(MotoRequestHandler):
    disable_nagle_algorithm = True  # headers and body are two writes; waiting for an ACK between costs 40 ms

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing: a request is no news."""


class _Failure(ServiceException):
    """What a client is told when the cloud itself is at fault."""


def _answer_failures(world: World) -> None:
    """Answer what fails inside moto as the service would, where moto sends a page of HTML."""

    def call_action(self: BaseResponse) -> tuple[int, dict[str, str], str | bytes]:
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

    original = world.patch(BaseResponse, "call_action", call_action)
