"""The execution environments of Lambda functions: processes of this machine, where moto uses Docker."""

from __future__ import annotations

import tempfile
import threading
import uuid
import zipfile
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from moto.awslambda.exceptions import InvalidParameterValueException

from ..account import REGION
from ..clock import Clock
from ..cloudwatch.models import backend as cloudwatch
from ..iam.identity import Identity
from .code import Code, UnloadableBuildError
from .concurrency import Concurrency
from .functions import LocalFunction
from .logs import write
from .runtime import Answer, Nursery, Sandbox

PRINCIPAL = "lambda.amazonaws.com"


class Environments:
    """The execution environments of all functions, and the nurseries that fork them.

    Attributes:
        clock: the cloud's time.
        identity: gives the credentials of the functions' roles.
    """

    def __init__(self, clock: Clock, identity: Identity) -> None:
        self.clock = clock
        self.identity = identity
        self._lock = threading.Lock()
        self._nurseries: dict[str, Nursery] = {}
        self._idle: dict[tuple[str, str], list[Sandbox]] = defaultdict(list)
        self._all: list[Sandbox] = []
        self._concurrency = Concurrency()
        self._at_work: dict[str, tuple[Sandbox, str]] = {}

    @cached_property
    def _directory(self) -> tempfile.TemporaryDirectory[str]:
        # Not in __init__: moto makes every backend again when the cloud has stopped.
        return tempfile.TemporaryDirectory(prefix="local-cloud-lambda-")

    def nursery(self, function: LocalFunction) -> Nursery:
        """Return the nursery of a function's code. The first function with this code starts it."""
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

    def retire(self, function: LocalFunction) -> None:
        """Let the next event of a function start an environment with its present code and configuration."""
        with self._lock:
            idle = self._idle.pop(_environments(function), [])
            function.revision = str(uuid.uuid4())
        for sandbox in idle:
            self._bury(sandbox)

    def invoke(self, function: LocalFunction, payload: str) -> Answer:
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
            name = {"FunctionName": function.function_name}
            cloudwatch().publish("AWS/Lambda", "Invocations", 1, name)
            cloudwatch().publish("AWS/Lambda", "Errors", 1 if answer.error else 0, name)
            with self._lock:
                reusable = sandbox.alive and environments == _environments(function)
                if reusable:
                    self._idle[environments].append(sandbox)
            if not reusable:
                self._bury(sandbox)
            return answer

    def kill(self, text: str) -> None:
        """Kill the function that processes an event with this text in it, as if it were out of memory."""
        for sandbox, payload in list(self._at_work.values()):
            if text in payload:
                sandbox.run_out_of_memory()

    def stop(self) -> None:
        """End all processes."""
        with self._lock:
            sandboxes, nurseries = list(self._all), list(self._nurseries.values())
        for sandbox in sandboxes:
            sandbox.kill()
        for nursery in nurseries:
            nursery.stop()
        for sandbox in sandboxes:
            sandbox.close()
        self._directory.cleanup()

    def _take(self, function: LocalFunction) -> Sandbox:
        with self._lock:
            if idle := self._idle[_environments(function)]:
                return idle.pop()
        nursery = self.nursery(function)
        now = datetime.now(UTC)
        stream = f"{now:%Y/%m/%d}/[{function.version}]{uuid.uuid4().hex}"
        sandbox = Sandbox(nursery, self._environment(function, nursery, stream), stream, self.clock.speed)
        with self._lock:
            self._all.append(sandbox)
        return sandbox

    def _bury(self, sandbox: Sandbox) -> None:
        sandbox.close()
        with self._lock:
            self._all.remove(sandbox)

    def _environment(self, function: LocalFunction, nursery: Nursery, stream: str) -> Mapping[str, str]:
        """Return the function's own variables and Lambda's ("Defined runtime environment variables")."""
        session_name = function.function_name.ljust(2, "_")  # STS wants two characters
        session = self.identity.credentials(function.role, session_name, PRINCIPAL, function.function_arn)
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
            "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000",  # nobody listens there, so the traces are lost
            "LAMBDA_TASK_ROOT": str(nursery.code.task_root),
            "LAMBDA_RUNTIME_DIR": str(nursery.code.search_path[-1]),
            "PYTHONPATH": str(nursery.code.search_path[-1]),
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "AWS_ENDPOINT_URL": self.identity.endpoint,
        }
        if logging_config["LogFormat"] == "JSON":
            environment["AWS_LAMBDA_LOG_FORMAT"] = "JSON"
            environment["AWS_LAMBDA_LOG_LEVEL"] = logging_config["ApplicationLogLevel"]
        return environment


def _environments(function: LocalFunction) -> tuple[str, str]:
    """Return the key of the environments that can process a function's next event."""
    return function.function_arn, function.revision
