"""How many events the account and each of its functions may have in work at a time."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from moto.awslambda.exceptions import InvalidParameterValueException
from moto.awslambda.models import LambdaBackend, lambda_backends
from moto.core.exceptions import JsonRESTError

from ..account import ACCOUNT_ID, REGION
from ..quotas import models as quotas
from ..world import World
from .configuration import Function

# "Configuring reserved concurrency for a function": so much stays for functions that reserve none. In an
# account whose quota is lower, refusals name that quota as the minimum (public reports of 10 and 50).
UNRESERVED = 100


class TooManyRequests(JsonRESTError):  # noqa: N818 - named as the service names it
    """All the executions that the function, or the account, may have at a time are busy."""

    code = 429

    def __init__(self, reason: str) -> None:
        super().__init__("TooManyRequestsException", "Rate Exceeded.")
        body = {"__type": self.error_type, "Reason": reason, "Type": "User", "message": self.message}
        self.description = json.dumps(body)


def install(world: World) -> None:
    """Refuse to reserve what functions without a reservation need."""

    def reserve(self: LambdaBackend, function_name: str, reserved_concurrency: str) -> str:
        wanted = self.get_function(function_name)
        others = [function for function in self.list_functions() if function is not wanted]
        account = int(quotas.backend().applied[quotas.CONCURRENT_EXECUTIONS])
        least = min(UNRESERVED, account)
        if account - _reserved(others) - int(reserved_concurrency) < least:
            raise InvalidParameterValueException(
                "Specified ReservedConcurrentExecutions for function decreases account's "
                f"UnreservedConcurrentExecution below its minimum value of [{least}]."
            )
        return str(original(self, function_name, reserved_concurrency))

    original = world.patch(LambdaBackend, "put_function_concurrency", reserve)


class Concurrency:
    """Counts the events in work."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[str, int] = defaultdict(int)

    @contextmanager
    def one_of(self, function: Function) -> Iterator[None]:
        """Count an event of a function while it is in work.

        Raises:
            TooManyRequests: as many as may be are in work already.
        """
        arn = function.function_arn
        with self._lock:
            self._check(function)
            self._running[arn] += 1
        try:
            yield
        finally:
            with self._lock:
                self._running[arn] -= 1

    def _check(self, function: Function) -> None:
        if function.reserved_concurrency is not None:
            if self._running[function.function_arn] >= int(function.reserved_concurrency):
                raise TooManyRequests("ReservedFunctionConcurrentInvocationLimitExceeded")
            return
        functions = list(lambda_backends[ACCOUNT_ID][REGION].list_functions())
        without = [each.function_arn for each in functions if each.reserved_concurrency is None]
        unreserved = int(quotas.backend().applied[quotas.CONCURRENT_EXECUTIONS]) - _reserved(functions)
        if sum(self._running[arn] for arn in without) >= unreserved:
            raise TooManyRequests("ConcurrentInvocationLimitExceeded")


def _reserved(functions: list[Function]) -> int:
    return sum(int(function.reserved_concurrency or 0) for function in functions)
