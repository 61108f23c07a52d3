"""Lambda: functions run from their deployment package, in processes of their own, with their role."""

from __future__ import annotations

import base64
import json
import tempfile
import threading
import uuid
import zipfile
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from moto.awslambda.exceptions import InvalidParameterValueException
from moto.awslambda.models import LambdaFunction, LambdaStorage
from moto.core.exceptions import JsonRESTError

from ..account import REGION
from ..iam import trust
from ..iam.policies import Caller, identity_allows, resource_grants
from ..world import World
from . import asynchronous as lambda_async
from . import concurrency as lambda_concurrency
from . import configuration as function_configuration
from .code import Code, UnloadableBuildError
from .configuration import Function
from .logs import write
from .runtime import Answer, Nursery, Sandbox

PRINCIPAL = "lambda.amazonaws.com"
# "Lambda quotas": Invocation payload (request and response), synchronous and asynchronous.
SYNCHRONOUS_BYTES = 6 * 1024 * 1024 + 100
ASYNCHRONOUS_BYTES = 1024 * 1024


class AccessDenied(JsonRESTError):  # noqa: N818 - named as the service names it
    """No policy lets the caller invoke the function."""

    code = 403

    def __init__(self, caller: Caller, action: str, resource: str) -> None:
        who = caller.session_arn or caller.service
        super().__init__(
            "AccessDeniedException",
            f"User: {who} is not authorized to perform: {action} on resource: {resource}",
        )


def install(world: World) -> None:
    """Run functions in sandboxes of this machine, where moto wants Docker."""
    function_configuration.install(world)
    lambda_async.install(world)
    lambda_concurrency.install(world)
    _runtimes[world] = runtime = _Runtime(world)

    def put_function(self: LambdaStorage, function: Function) -> None:
        try:
            trust.check_assume_role(trust.service_caller(PRINCIPAL, function.function_arn), function.role)
        except trust.AccessDenied:
            raise InvalidParameterValueException(
                "The role defined for the function cannot be assumed by Lambda."
            ) from None
        runtime.nursery(function)
        original_put(self, function)

    def delete_function(self: LambdaStorage, name_or_arn: str, qualifier: str | None = None) -> None:
        runtime.retire(self.get_function_by_name_or_arn_with_qualifier(name_or_arn, qualifier))
        original_delete(self, name_or_arn, qualifier)

    def set_code(self: Function, spec: dict[str, Any]) -> None:
        before = dict(self.__dict__)
        original_set_code(self, spec)
        if spec is not self.code:
            try:
                runtime.nursery(self)
            except InvalidParameterValueException:
                self.__dict__.update(before)  # code that cannot run replaces none
                raise
            runtime.retire(self)

    def update_configuration(self: Function, changes: dict[str, Any]) -> dict[str, Any]:
        original_update(self, changes)
        runtime.retire(self)
        shown: dict[str, Any] = self.get_configuration()
        return shown

    def invoke(
        self: Function, body: str | bytes, headers: Any, response_headers: dict[str, str]
    ) -> str | bytes:
        return runtime.invoke_over_http(self, body, headers, response_headers)

    original_delete = world.patch(LambdaStorage, "del_function", delete_function)
    original_put = world.patch(LambdaStorage, "put_function", put_function)
    original_set_code = world.patch(LambdaFunction, "_set_function_code", set_code)
    original_update = world.patch(LambdaFunction, "update_configuration", update_configuration)
    world.patch(LambdaFunction, "invoke", invoke)
    world.at_stop.append(runtime.stop)


def kill(text: str) -> None:
    """Kill whatever function is at work on an event with this text in it, as if it had used up its memory."""
    _runtimes[World.running].kill(text)


class _Runtime:
    """The nurseries and sandboxes of all functions."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._directory = tempfile.TemporaryDirectory(prefix="local-cloud-lambda-")
        self._lock = threading.Lock()
        self._nurseries: dict[str, Nursery] = {}
        self._idle: dict[tuple[str, str], list[Sandbox]] = defaultdict(list)
        self._all: list[Sandbox] = []
        self._concurrency = lambda_concurrency.Concurrency()
        self._at_work: dict[str, tuple[Sandbox, str]] = {}

    def nursery(self, function: Function) -> Nursery:
        """Return the nursery of a function's code, starting it if it is the first function with this code."""
        digest = function.code_sha_256
        with self._lock:
            if digest not in self._nurseries:
                directory = Path(self._directory.name) / uuid.uuid4().hex
                directory.mkdir()
                try:
                    code = Code(function.code_bytes, directory)
                except zipfile.BadZipFile:
                    raise InvalidParameterValueException(
                        "Could not unzip uploaded file. Please check your file."
                    ) from None
                except UnloadableBuildError as error:
                    raise InvalidParameterValueException(str(error)) from error
                self._nurseries[digest] = Nursery(code)
            return self._nurseries[digest]

    def retire(self, function: Function) -> None:
        """Let the next event of a function start in an environment of its present code and configuration."""
        with self._lock:
            idle = self._idle.pop(_environments(function), [])
            function.revision = str(uuid.uuid4())
        for sandbox in idle:
            self._bury(sandbox)

    def invoke(self, function: Function, payload: str) -> Answer:
        """Run a function on `payload` and wait for the answer.

        Raises:
            TooManyRequests: the concurrency of the function or of the account is used up.
        """
        with self._concurrency.one_of(function):
            environments = _environments(function)
            sandbox = self._take(function)
            request_id = str(uuid.uuid4())
            self._at_work[request_id] = sandbox, payload
            try:
                answer = sandbox.invoke(payload, request_id, function.function_arn, float(function.timeout))
            finally:
                del self._at_work[request_id]
            write(function, sandbox.log_stream, request_id, answer)
            with self._lock:
                reusable = sandbox.alive and environments == _environments(function)
                if reusable:
                    self._idle[environments].append(sandbox)
            if not reusable:
                self._bury(sandbox)
            return answer

    def kill(self, text: str) -> None:
        """See `kill` of this module."""
        for sandbox, payload in list(self._at_work.values()):
            if text in payload:
                sandbox.run_out_of_memory()

    def invoke_over_http(
        self, function: Function, body: str | bytes, headers: Any, response_headers: dict[str, str]
    ) -> str | bytes:
        payload = (body.decode() if isinstance(body, bytes) else body) or "{}"
        _check_caller(function, trust.caller_of(headers.get("Authorization", "")))
        kind = headers.get("X-Amz-Invocation-Type") or "RequestResponse"
        _check_payload(payload, SYNCHRONOUS_BYTES if kind == "RequestResponse" else ASYNCHRONOUS_BYTES)
        if kind == "DryRun":
            return ""
        if kind == "Event":
            lambda_async.send(self.world, self.invoke, function, str(uuid.uuid4()), payload)
            return ""
        answer = self.invoke(function, payload)
        response_headers["x-amz-executed-version"] = str(function.version)
        response_headers["x-amz-log-result"] = base64.b64encode(answer.output.encode()[-4096:]).decode()
        if answer.error is not None:
            response_headers["x-amz-function-error"] = "Unhandled"
            return json.dumps(answer.error).encode()
        return (answer.result or "null").encode()

    def stop(self) -> None:
        with self._lock:
            sandboxes, nurseries = list(self._all), list(self._nurseries.values())
        for sandbox in sandboxes:
            sandbox.kill()
        for nursery in nurseries:
            nursery.stop()
        for sandbox in sandboxes:
            sandbox.close()
        self._directory.cleanup()

    def _take(self, function: Function) -> Sandbox:
        with self._lock:
            if idle := self._idle[_environments(function)]:
                return idle.pop()
        nursery = self.nursery(function)
        now = datetime.now(UTC)
        stream = f"{now:%Y/%m/%d}/[{function.version}]{uuid.uuid4().hex}"
        sandbox = Sandbox(
            nursery, self._environment(function, nursery, stream), stream, self.world.clock.speed
        )
        with self._lock:
            self._all.append(sandbox)
        return sandbox

    def _bury(self, sandbox: Sandbox) -> None:
        sandbox.close()
        with self._lock:
            self._all.remove(sandbox)

    def _environment(self, function: Function, nursery: Nursery, stream: str) -> Mapping[str, str]:
        """Return "Defined runtime environment variables" of the Lambda guide, and the function's own."""
        session_name = function.function_name.ljust(2, "_")  # STS wants two characters
        session = self.world.identity.credentials(
            function.role, session_name, PRINCIPAL, function.function_arn
        )
        logging_config = function.logging_config
        environment = {
            **function.environment_vars,
            "_HANDLER": function.handler,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": session["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": session["SecretAccessKey"],
            "AWS_SESSION_TOKEN": session["SessionToken"],
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.run_time}",
            "AWS_LAMBDA_FUNCTION_NAME": function.function_name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_size),
            "AWS_LAMBDA_FUNCTION_VERSION": str(function.version),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": logging_config["LogGroup"],
            "AWS_LAMBDA_LOG_STREAM_NAME": stream,
            "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
            "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000",  # nobody listens; UDP to it is lost, like the traces
            "LAMBDA_TASK_ROOT": str(nursery.code.task_root),
            "LAMBDA_RUNTIME_DIR": str(nursery.code.search_path[-1]),
            "PYTHONPATH": str(nursery.code.search_path[-1]),
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "AWS_ENDPOINT_URL": self.world.identity.endpoint,
        }
        if logging_config["LogFormat"] == "JSON":
            environment["AWS_LAMBDA_LOG_FORMAT"] = "JSON"
            environment["AWS_LAMBDA_LOG_LEVEL"] = logging_config["ApplicationLogLevel"]
        return environment


_runtimes: WeakKeyDictionary[World, _Runtime] = WeakKeyDictionary()


def _environments(function: Function) -> tuple[str, str]:
    """Return what the environments that can run a function's next event have in common."""
    return function.function_arn, function.revision


def _check_caller(function: Function, caller: Caller) -> None:
    """Check that a role or a service may invoke the function, by the role's policies or the function's."""
    arn, action = function.function_arn, "lambda:InvokeFunction"
    if not (caller.service or ":role/" in caller.arn):
        return
    by_function = resource_grants({"Statement": function.policy.statements}, action, arn, caller)
    if not by_function and (caller.service or not identity_allows(caller.arn, action, arn, caller)):
        raise AccessDenied(caller, action, arn)


def _check_payload(payload: str, most: int) -> None:
    if len(payload.encode()) > most:
        error = JsonRESTError(
            "RequestTooLargeException",
            f"Request must be smaller than {most} bytes for the InvokeFunction operation",
        )
        error.code = 413
        raise error
    try:
        json.loads(payload)
    except ValueError as error:
        raise JsonRESTError(
            "InvalidRequestContentException", f"Could not parse request body into json: {error}"
        ) from None
