"""The process that runs a Lambda function, and the nursery that forks it. Needs the standard library only.

`python -I -S sandbox.py FD LIBRARIES PATH…` starts a nursery. It puts the PATHs first on `sys.path` and
imports those of the LIBRARIES (separated by commas) that exist. Then it forks one sandbox for each request on
the socket FD. A request is a line of JSON with two file descriptors: the sandbox's socket and the pipe for
its output.

A sandbox answers each event on its socket with one line of JSON, as Lambda's runtime client answers the
runtime API: {"result": …} or {"error": {errorMessage, errorType, requestId, stackTrace}}. When the
sandbox has ended, the nursery writes {"exit": status} to that socket.
"""

from __future__ import annotations

import decimal
import gc
import importlib
import json
import logging
import os
import resource
import select
import signal
import socket
import sys
import time
import traceback
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Any, Callable  # noqa: UP035 - collections.abc would be another import before each fork


class _Clock:
    """The time of the present event. A sleep passes in the cloud's time, and counts in full as run time.

    Attributes:
        speed: AWS seconds that a real second of sleep stands for.
        deadline: when the function times out, in seconds of the epoch; earlier by each second it did not
            really sleep.
        out_of_time: tells Lambda, which kills the process.
    """

    speed = 1.0
    deadline = float("inf")
    really_sleep = staticmethod(time.sleep)

    @staticmethod
    def out_of_time() -> None:
        """Do nothing: the function is not loaded yet."""

    @classmethod
    def sleep(cls, given: Any) -> None:
        seconds = float(given)
        if seconds >= cls.deadline - time.time():
            cls.out_of_time()
            cls.really_sleep(3600)
        cls.really_sleep(seconds / cls.speed)
        cls.deadline -= seconds - seconds / cls.speed


time.sleep = _Clock.sleep  # before the import of anything that keeps a reference to it


def nursery(control: socket.socket, libraries: list[str], paths: list[str]) -> None:
    """Fork sandboxes until the other end closes `control`, then kill them all."""
    sys.path[:0] = paths
    sys.dont_write_bytecode = False
    for name in libraries:
        try:
            importlib.import_module(name)
        except ImportError:
            continue  # the function may not need it; if it does, its own import reports the error
    _read_descriptions(paths[:-1])  # not the last, the runtime's, which describes 400 services
    gc.freeze()  # the garbage collector of a sandbox would otherwise copy the memory that all share
    wake_reader, wake_writer = socket.socketpair()
    wake_writer.setblocking(False)
    signal.set_wakeup_fd(wake_writer.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    children: dict[int, socket.socket] = {}
    while True:
        readable, _, _ = select.select([control, wake_reader], [], [])
        if wake_reader in readable:
            wake_reader.recv(4096)
            _bury(children)
        if control in readable:
            request, descriptors, _, _ = socket.recv_fds(control, 1 << 20, 2)
            if not request:
                break
            _fork(json.loads(request), descriptors, children, [control, wake_reader, wake_writer])
    signal.set_wakeup_fd(-1)  # this call closes the sockets, and signals of children come later
    for pid in children:
        _kill(pid)
    for pid in children:
        os.waitpid(pid, 0)


def _read_descriptions(packages: list[str]) -> None:
    """Read the descriptions of services in a package, so that each sandbox has them already."""
    loaders = sys.modules.get("botocore.loaders")
    if loaders is None or not str(loaders.__file__).startswith(tuple(packages)):
        return
    read: dict[str, Any] = {}

    class ReadAhead(loaders.JSONFileLoader):  # type: ignore[misc,name-defined]  # the package's botocore
        def load_file(self, path: str) -> Any:
            return read.pop(path, None) or super().load_file(path)

    plain = loaders.JSONFileLoader()
    for file in Path(loaders.Loader.BUILTIN_DATA_PATH).rglob("*.json*"):
        path = str(file).removesuffix(".gz").removesuffix(".json")
        read[path] = plain.load_file(path)
    loaders.Loader.FILE_LOADER_CLASS = ReadAhead


def _bury(children: dict[int, socket.socket]) -> None:
    while children:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        with children.pop(pid) as channel:
            try:
                channel.sendall(json.dumps({"exit": status}).encode() + b"\n")
            except OSError:
                continue  # the cloud has closed this sandbox already


def _kill(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _fork(
    request: dict[str, Any],
    descriptors: list[int],
    children: dict[int, socket.socket],
    own: list[socket.socket],
) -> None:
    channel, output = socket.socket(fileno=descriptors[0]), descriptors[1]
    pid = os.fork()
    if pid:
        os.close(output)
        children[pid] = channel
        return
    status = 1
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for other in [*own, *children.values()]:
            other.close()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.close(output)
        os.environ.clear()
        os.environ.update(request["environment"])
        time.tzset()
        os.chdir(os.environ["LAMBDA_TASK_ROOT"])
        sandbox(channel)
        status = 0
    except SystemExit as leaving:
        status = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except BaseException:  # a forked process must never return into the nursery's loop
        traceback.print_exc()
    finally:
        _flush()
        os._exit(status)


def sandbox(channel: socket.socket) -> None:
    """Load the handler, then answer events until the socket is closed."""
    request_id = _RequestId()
    _log_like_lambda(request_id)
    lines = channel.makefile("rb")
    _send(channel, {"pid": os.getpid()})
    try:
        handler = _load(os.environ["_HANDLER"])
    except _RuntimeError as error:
        _send(channel, {"error": error.report("", [])})
        return
    except Exception as error:
        _send(channel, {"error": _fault(error, "")})
        return
    _flush()
    _send(channel, {"ready": True})
    # The ignored rule forbids to replace a method; only here is there a channel to tell Lambda on.
    _Clock.out_of_time = staticmethod(lambda: _send(channel, {"outOfTime": True}))  # type: ignore[method-assign]
    for line in lines:
        event = json.loads(line)
        request_id.value = event["requestId"]
        _Clock.speed, _Clock.deadline = event["speed"], event["deadline"] / 1000
        answer = _answer(handler, event)
        answer["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        _send(channel, answer)


def _answer(handler: Callable[[Any, Any], Any], event: dict[str, Any]) -> dict[str, Any]:
    os.environ["_X_AMZN_TRACE_ID"] = event["traceId"]
    request_id = event["requestId"]
    try:
        result = handler(json.loads(event["payload"]), _context(event))
    except Exception as error:
        return {"error": _fault(error, request_id)}
    finally:
        _flush()
    try:
        return {"result": json.dumps(result, default=_number, ensure_ascii=False, allow_nan=False)}
    except Exception as error:
        wrong = _RuntimeError("Runtime.MarshalError", f"Unable to marshal response: {error}")
        return {"error": wrong.report(request_id, [])}


def _number(value: Any) -> float:
    if isinstance(value, decimal.Decimal):
        return float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


class _RuntimeError(Exception):
    """An error that Lambda's runtime itself reports, with its errorType."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind

    def report(self, request_id: str, stack: list[str]) -> dict[str, Any]:
        return {
            "errorMessage": str(self),
            "errorType": self.kind,
            "requestId": request_id,
            "stackTrace": stack,
        }


def _load(name: str) -> Callable[[Any, Any], Any]:
    module_name, dot, function_name = name.rpartition(".")
    if not dot:
        raise _RuntimeError(
            "Runtime.MalformedHandlerName", f"Bad handler '{name}': not enough values to unpack"
        )
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        message = f"Unable to import module '{module_name}': {error}"
        raise _RuntimeError("Runtime.ImportModuleError", message) from error
    except SyntaxError as error:
        message = f"Syntax error in module '{module_name}': {error}"
        raise _RuntimeError("Runtime.UserCodeSyntaxError", message) from error
    handler = getattr(module, function_name, None)
    if handler is None:
        message = f"Handler '{function_name}' missing on module '{module_name}'"
        raise _RuntimeError("Runtime.HandlerNotFound", message)
    loaded: Callable[[Any, Any], Any] = handler
    return loaded


def _fault(error: BaseException, request_id: str) -> dict[str, Any]:
    own_frames: TracebackType | None = error.__traceback__
    while own_frames is not None and own_frames.tb_frame.f_code.co_filename == __file__:
        own_frames = own_frames.tb_next
    stack = traceback.format_list(traceback.extract_tb(own_frames))
    report = {
        "errorMessage": str(error),
        "errorType": type(error).__name__,
        "requestId": request_id,
        "stackTrace": stack,
    }
    # Lambda's runtime also writes the fault to the function's log. It is one log event, so its lines end in
    # carriage returns.
    text = f"[ERROR] {report['errorType']}: {error}\nTraceback (most recent call last):\n{''.join(stack)}"
    sys.stderr.write(text.rstrip().replace("\n", "\r") + "\n")
    return report


def _context(event: dict[str, Any]) -> SimpleNamespace:
    environment = os.environ
    return SimpleNamespace(
        aws_request_id=event["requestId"],
        function_name=environment["AWS_LAMBDA_FUNCTION_NAME"],
        function_version=environment["AWS_LAMBDA_FUNCTION_VERSION"],
        invoked_function_arn=event["functionArn"],
        memory_limit_in_mb=environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"],
        log_group_name=environment["AWS_LAMBDA_LOG_GROUP_NAME"],
        log_stream_name=environment["AWS_LAMBDA_LOG_STREAM_NAME"],
        identity=SimpleNamespace(cognito_identity_id=None, cognito_identity_pool_id=None),
        client_context=None,
        get_remaining_time_in_millis=lambda: max(0, int((_Clock.deadline - time.time()) * 1000)),
    )


class _RequestId(logging.Filter):
    value = ""

    def filter(self, record: logging.LogRecord) -> bool:
        record.aws_request_id = self.value
        return True


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "timestamp": self.formatTime(record, "%Y-%m-%dT%H:%M:%SZ"),
            "level": record.levelname,
            "message": record.getMessage(),
            "logger": record.name,
            "requestId": getattr(record, "aws_request_id", ""),
        }
        if record.exc_info and record.exc_info[0]:
            line["errorType"] = record.exc_info[0].__name__
            line["errorMessage"] = str(record.exc_info[1])
            line["stackTrace"] = traceback.format_exception(*record.exc_info)
        return json.dumps(line, default=str)


def _log_like_lambda(request_id: _RequestId) -> None:
    """Give the root logger the handler that Lambda's runtime gives it."""
    handler = logging.StreamHandler(sys.stdout)
    handler.addFilter(request_id)
    if os.environ.get("AWS_LAMBDA_LOG_FORMAT") == "JSON":
        formatter: logging.Formatter = _JsonLines()
    else:
        text = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n"
        formatter = logging.Formatter(text, "%Y-%m-%dT%H:%M:%S")
        handler.terminator = ""
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logging.root.addHandler(handler)
    if level := os.environ.get("AWS_LAMBDA_LOG_LEVEL"):
        logging.root.setLevel({"TRACE": "DEBUG", "FATAL": "CRITICAL", "WARN": "WARNING"}.get(level, level))


def _send(channel: socket.socket, message: dict[str, Any]) -> None:
    channel.sendall(json.dumps(message).encode() + b"\n")


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()


if __name__ == "__main__":
    nursery(
        socket.socket(fileno=int(sys.argv[1])),
        [name for name in sys.argv[2].split(",") if name],
        sys.argv[3:],
    )
