"""Execution environments of Lambda functions: a process loads the function once and handles many events."""

from __future__ import annotations

import contextlib
import json
import math
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .code import Code

# "Lambda execution environment": Lambda repeats an initialization that takes longer, within the timeout.
INIT_SECONDS = 10.0
_SANDBOX = Path(__file__).with_name("sandbox.py")


class Nursery:
    """The process that forks the sandboxes of one deployment package.

    Most of a cold start is the import of boto3 or Powertools. The nursery imports them, if the package
    mentions them, so its forks need not.
    """

    def __init__(self, code: Code) -> None:
        self.code = code
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._lock = threading.Lock()
        with theirs:
            # -I -S: the process can import nothing of this environment except what is on the search path.
            command = [sys.executable, "-I", "-S", "-u", "-X", "utf8", str(_SANDBOX), str(theirs.fileno())]
            self._process = subprocess.Popen(
                [*command, ",".join(code.slow_libraries), *map(str, code.search_path)],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env={"AWS_EXECUTION_ENV": "AWS_Lambda"},
                start_new_session=True,  # Ctrl-C must reach only the cloud, which stops this process
            )

    def fork(self, environment: Mapping[str, str], descriptors: list[int]) -> None:
        """Start a sandbox with `descriptors`: its socket, and the pipe for its output."""
        request = json.dumps({"environment": dict(environment)}).encode()
        with self._lock:
            socket.send_fds(self._control, [request], descriptors)

    def stop(self) -> None:
        """End the process and every sandbox that it forked."""
        self._control.close()
        self._process.wait()


@dataclass
class Answer:
    """The outcome of an invocation.

    Attributes:
        result: the JSON text that the handler returned; None if it failed.
        error: the error object that Lambda returns instead.
        output: what the function wrote to stdout and stderr.
        seconds: how long the handler ran.
        init_seconds: how long the environment took to start; 0 for a warm one.
        memory: the most memory the environment has used, in MB.
    """

    result: str | None = None
    error: dict[str, Any] | None = None
    output: str = ""
    seconds: float = 0.0
    init_seconds: float = 0.0
    memory: int = 0


@dataclass
class Sandbox:
    """One execution environment. It handles one event at a time.

    Attributes:
        log_stream: the CloudWatch Logs stream of this environment.
        speed: AWS seconds that a real second of sleep stands for.
        alive: False once the process has ended. A sandbox that timed out or crashed gets no more events.
    """

    nursery: Nursery
    environment: Mapping[str, str]
    log_stream: str
    speed: float
    alive: bool = field(default=True, init=False)

    def __post_init__(self) -> None:
        self._pid = 0
        self._started = time.monotonic()
        self._ready = False
        self._buffer = b""
        self._output = b""
        self._silent = False  # whether every process has closed the other end of the pipe
        self._channel, theirs = socket.socketpair()
        self._pipe, their_pipe = os.pipe()
        self.nursery.fork(self.environment, [theirs.fileno(), their_pipe])
        theirs.close()
        os.close(their_pipe)

    def invoke(self, payload: str, request_id: str, function_arn: str, timeout: float) -> Answer:
        """Run the handler on `payload` for at most `timeout` seconds: real ones, and those it sleeps."""
        answer = Answer()
        try:
            if not self._ready:
                self._initialize(request_id, timeout)
                answer.init_seconds = time.monotonic() - self._started
            started = time.monotonic()
            try:
                self._send(payload, request_id, function_arn, timeout)
                message = self._next(started + timeout, request_id, timeout)
            finally:
                answer.seconds = time.monotonic() - started
            answer.memory = message["memory"]
            answer.result, answer.error = message.get("result"), message.get("error")
        except _EndedError as ended:
            self.kill()
            answer.error = ended.report
        self._drain()
        answer.output, self._output = self._output.decode(errors="replace"), b""
        return answer

    def kill(self) -> None:
        """Kill the process and all that it started. A second call does nothing."""
        if not self.alive:
            return
        self.alive = False
        if self._pid:
            try:
                os.killpg(self._pid, signal.SIGKILL)
            except ProcessLookupError:
                self._pid = 0
        self._channel.close()

    def run_out_of_memory(self) -> None:
        """Kill the process as the kernel does when it is out of memory."""
        if (
            pid := self._pid
        ):  # there is a process only between start and end; 0 would be our own process group
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)

    def close(self) -> None:
        """Kill the process and close its descriptors."""
        self.kill()
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1

    def _initialize(self, request_id: str, timeout: float) -> None:
        deadline = time.monotonic() + INIT_SECONDS + timeout
        self._pid = self._next(deadline, request_id, timeout)["pid"]
        message = self._next(deadline, request_id, timeout)
        if "error" in message:
            raise _EndedError(message["error"])
        self._ready = True

    def _send(self, payload: str, request_id: str, function_arn: str, timeout: float) -> None:
        event = {
            "payload": payload,
            "requestId": request_id,
            "functionArn": function_arn,
            "deadline": int((time.time() + timeout) * 1000),
            "speed": self.speed,
            "traceId": _trace_id(),
        }
        try:
            self._channel.sendall(json.dumps(event).encode() + b"\n")
        except OSError as error:
            raise _EndedError(_exited(request_id, None)) from error

    def _next(self, deadline: float, request_id: str, timeout: float) -> dict[str, Any]:
        """Return the next message of the process, and collect its output meanwhile."""
        while b"\n" not in self._buffer:
            channel = self._channel.fileno()
            sources = [channel] if self._silent else [channel, self._pipe]
            readable = _readable(sources, max(0.0, deadline - time.monotonic()))
            if not readable:
                raise _EndedError(_out_of_time(request_id, timeout))
            if self._pipe in readable:
                chunk = os.read(self._pipe, 1 << 16)
                self._silent = not chunk
                self._output += chunk
            if channel in readable:
                received = self._channel.recv(1 << 16)
                if not received:
                    raise _EndedError(_exited(request_id, None))
                self._buffer += received
        line, _, self._buffer = self._buffer.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        if "outOfTime" in message:
            raise _EndedError(_out_of_time(request_id, timeout))
        if "exit" in message:
            raise _EndedError(_exited(request_id, message["exit"]))
        return message

    def _drain(self) -> None:
        while _readable([self._pipe], 0):
            chunk = os.read(self._pipe, 1 << 16)
            if not chunk:
                return
            self._output += chunk


def _readable(descriptors: list[int], seconds: float) -> list[int]:
    """Wait until some descriptors have data or their other end is closed, and return those."""
    poll = select.poll()  # select() refuses descriptors above 1023, and a burst of events has more
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    return [descriptor for descriptor, _ in poll.poll(math.ceil(seconds * 1000))]


def _trace_id() -> str:
    root = f"1-{int(time.time()):08x}-{os.urandom(12).hex()}"
    return f"Root={root};Parent={os.urandom(8).hex()};Sampled=0"


class _EndedError(Exception):
    """The process has ended or timed out, and handles no more events."""

    def __init__(self, report: dict[str, Any]) -> None:
        super().__init__(report["errorType"])
        self.report = report


def _out_of_time(request_id: str, timeout: float) -> dict[str, Any]:
    reason = f"RequestId: {request_id} Error: Task timed out after {timeout:.2f} seconds"
    return {"errorType": "Sandbox.Timedout", "errorMessage": reason}


def _exited(request_id: str, status: int | None) -> dict[str, Any]:
    if status is None or os.WIFSIGNALED(status):
        name = signal.Signals(os.WTERMSIG(status)).name.removeprefix("SIG").lower() if status else "killed"
        reason = f"Runtime exited with error: signal: {'killed' if name == 'kill' else name}"
    elif code := os.waitstatus_to_exitcode(status):
        reason = f"Runtime exited with error: exit status {code}"
    else:
        reason = "Runtime exited without providing a reason"
    return {"errorType": "Runtime.ExitError", "errorMessage": f"RequestId: {request_id} Error: {reason}"}
