"""Concurrency: how many events the account and each function may process at a time."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from moto.awslambda.exceptions import InvalidParameterValueException
from moto.awslambda.models import LambdaFunction, lambda_backends
from moto.core.exceptions import JsonRESTError

from ..account import ACCOUNT_ID, REGION
from ..cloudwatch.models import backend as cloudwatch
from ..quotas import models as quotas

# "Configuring reserved concurrency for a function": Lambda keeps this much for functions that reserve none.
# In an account with a lower quota, its refusals name that quota as the minimum (public reports of 10 and 50).
UNRESERVED = 100


class TooManyRequests(JsonRESTError):  # noqa: N818 - named as the service names it
    """The function, or the account, already runs as many executions as it may."""

    code = 429

    def __init__(self, reason: str) -> None:
        super().__init__("TooManyRequestsException", "Rate Exceeded.")
        body = {"__type": self.error_type, "Reason": reason, "Type": "User", "message": self.message}
        self.description = json.dumps(body)


class Concurrency:
    """Counts the events that functions process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[str, int] = defaultdict(int)

    @contextmanager
    def one_of(self, function: LambdaFunction) -> Iterator[None]:
        """Count an event of a function inside the `with` block.

        Raises:
            TooManyRequests: the concurrency of the function or of the account is used up.
        """
        arn = function.function_arn
        with self._lock:
            try:
                self._check(function)
            except TooManyRequests:
                cloudwatch().publish("AWS/Lambda", "Throttles", 1, {"FunctionName": function.function_name})
                raise
            self._running[arn] += 1
        try:
            yield
        finally:
            with self._lock:
                self._running[arn] -= 1

    def _check(self, function: LambdaFunction) -> None:
        if function.reserved_concurrency is not None:
            if self._running[function.function_arn] >= int(function.reserved_concurrency):
                raise TooManyRequests("ReservedFunctionConcurrentInvocationLimitExceeded")
            return
        functions = list(lambda_backends[ACCOUNT_ID][REGION].list_functions())
        without = [each.function_arn for each in functions if each.reserved_concurrency is None]
        unreserved = _quota() - _reserved(functions)
        if sum(self._running[arn] for arn in without) >= unreserved:
            raise TooManyRequests("ConcurrentInvocationLimitExceeded")


def check_reservation(wanted: int, others: Iterable[LambdaFunction]) -> None:
    """Check that enough is left for functions without reserved concurrency if one reserves `wanted`.

    Args:
        wanted: the executions to reserve.
        others: all other functions of the account.

    Raises:
        InvalidParameterValueException: not enough is left.
    """
    least = min(UNRESERVED, _quota())
    if _quota() - _reserved(others) - wanted < least:
        raise InvalidParameterValueException(
            "Specified ReservedConcurrentExecutions for function decreases account's "
            f"UnreservedConcurrentExecution below its minimum value of [{least}]."
        )


def _reserved(functions: Iterable[LambdaFunction]) -> int:
    return sum(int(function.reserved_concurrency or 0) for function in functions)


def _quota() -> int:
    return int(quotas.backend().applied[quotas.CONCURRENT_EXECUTIONS])
