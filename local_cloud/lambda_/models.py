"""Lambda's functions and event source mappings."""

from __future__ import annotations

import copy
import time
from typing import Any

from moto.awslambda.exceptions import InvalidParameterValueException
from moto.awslambda.models import (
    EventInvokeConfig,
    EventSourceMapping,
    LambdaBackend,
    LambdaFunction,
    lambda_backends,
)

from ..account import ACCOUNT_ID, REGION
from ..iam.trust import AccessDenied, check_assume_role, service_caller
from ..moto_seam import Local, running
from . import concurrency, event_sources, invocations
from .asynchronous import check_destination
from .environments import PRINCIPAL, Environments
from .functions import LocalFunction
from .queue_poller import Poller


class LocalLambda(Local, LambdaBackend):
    """Lambda. It runs functions in processes of this machine, and polls queues for them.

    Attributes:
        environments: run the functions.
    """

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.environments = Environments(self.clock, self.identity)
        self._pollers: dict[str, Poller] = {}

    def stop(self) -> None:
        """End all pollers and all processes of functions."""
        while self._pollers:
            self._pollers.popitem()[1].stop()
        self.environments.stop()

    def create_function(self, spec: dict[str, Any]) -> LambdaFunction:
        """Create a function, if Lambda may assume its role and this machine can load its code."""
        function = LocalFunction(  # type: ignore[abstract]  # moto's class lacks methods that nobody calls
            self.account_id, spec, self.region_name, "$LATEST"
        )
        try:
            check_assume_role(service_caller(PRINCIPAL, function.function_arn), function.role)
        except AccessDenied:
            raise InvalidParameterValueException(
                "The role defined for the function cannot be assumed by Lambda."
            ) from None
        self.environments.nursery(function)
        self._lambdas.put_function(function)
        version = self.publish_version(function.function_name) if spec.get("Publish") else None
        if version is None:
            return function
        shown = copy.copy(function)
        shown.version = version.version
        return shown

    def get_function(self, function_name_or_arn: str, qualifier: str | None = None) -> LocalFunction:
        """Return a function by its name or ARN.

        Raises:
            moto.awslambda.exceptions.UnknownFunctionException: there is none.
        """
        function = super().get_function(function_name_or_arn, qualifier)
        assert isinstance(function, LocalFunction)
        return function

    def delete_function(self, function_name: str, qualifier: str | None = None) -> None:
        """Delete a function. Running invocations end by themselves."""
        self.environments.retire(self.get_function(function_name, qualifier))
        super().delete_function(function_name, qualifier)

    def update_function_code(
        self, function_name: str, qualifier: str | None, body: dict[str, Any]
    ) -> dict[str, Any]:
        """Replace a function's code, if this machine can load the new code."""
        function = self.get_function(function_name, qualifier)
        before = dict(vars(function))
        function.update_function_code(body)
        try:
            self.environments.nursery(function)
        except InvalidParameterValueException:
            vars(function).update(before)
            raise
        self.environments.retire(function)
        if body.get("Publish") and (version := self.publish_version(function_name)):
            return version.get_configuration()
        return function.get_configuration()

    def update_function_configuration(
        self, function_name: str, qualifier: str | None, body: dict[str, Any]
    ) -> dict[str, Any]:
        """Change a function's configuration. It counts for later events."""
        function = self.get_function(function_name, qualifier)
        function.update_configuration(body)
        self.environments.retire(function)
        return function.get_configuration()

    def invoke(
        self, function_name: str, qualifier: str | None, body: Any, headers: Any, response_headers: Any
    ) -> str | bytes:
        """Invoke a function."""
        function = self.get_function(function_name, qualifier)
        payload = invocations.invoke(self.environments, function, body, headers, response_headers)
        response_headers["Content-Length"] = str(len(payload))
        return payload

    def put_function_concurrency(self, function_name: str, reserved_concurrency: str) -> str:
        """Reserve concurrency, if enough is left for functions without a reservation."""
        wanted = self.get_function(function_name)
        others = [function for function in self.list_functions() if function is not wanted]
        concurrency.check_reservation(int(reserved_concurrency), others)
        return super().put_function_concurrency(function_name, reserved_concurrency)

    def put_function_event_invoke_config(self, function_name: str, config: dict[str, Any]) -> dict[str, Any]:
        """Replace a function's event invoke configuration; moto keeps a list and shows the oldest."""
        function = self.get_function(function_name)
        for outcome in config.get("DestinationConfig", {}).values():
            check_destination(outcome.get("Destination", ""))
        kept = EventInvokeConfig(function.function_arn, str(time.time()), config)
        function.event_invoke_config = [kept]
        return kept.response()

    def update_function_event_invoke_config(
        self, function_name: str, config: dict[str, Any]
    ) -> dict[str, Any]:
        """Change those settings of an event invoke configuration that `config` has."""
        before = self.get_function(function_name).event_invoke_config
        return self.put_function_event_invoke_config(
            function_name, (before[0].config if before else {}) | config
        )

    def create_event_source_mapping(self, spec: dict[str, Any]) -> EventSourceMapping:
        """Start to poll a queue in threads; moto runs the function inside SendMessage."""
        function = self.get_function(spec.get("FunctionName", ""))
        queue = event_sources.queue_of(spec.get("EventSourceArn", ""))
        event_sources.check(list(self._event_source_mappings.values()), spec, function, queue)
        mapping = EventSourceMapping(  # type: ignore[abstract]  # moto's class lacks methods that nobody calls
            spec | {"RegionName": REGION, "AccountId": ACCOUNT_ID, "FunctionArn": function.function_arn}
        )
        self._event_source_mappings[mapping.uuid] = mapping
        self._pollers[mapping.uuid] = Poller(self.clock, self.identity, mapping, queue)
        return mapping

    def update_event_source_mapping(self, uuid: str, spec: dict[str, Any]) -> EventSourceMapping | None:
        """Change a mapping, with a new poller."""
        mapping = self.get_event_source_mapping(uuid)
        if mapping is None:
            return None
        function = self.get_function(spec.get("FunctionName") or mapping.function_arn)
        queue = event_sources.queue_of(mapping.event_source_arn)
        others = [other for other in list(self._event_source_mappings.values()) if other is not mapping]
        event_sources.check(others, spec, function, queue)
        super().update_event_source_mapping(uuid, spec)
        self._pollers.pop(uuid).stop()
        self._pollers[uuid] = Poller(self.clock, self.identity, mapping, queue)
        return mapping

    def delete_event_source_mapping(self, uuid: str) -> EventSourceMapping | None:
        """Delete a mapping. A running batch ends by itself."""
        if uuid in self._pollers:
            self._pollers.pop(uuid).stop()
        return super().delete_event_source_mapping(uuid)

    def list_event_source_mappings(
        self, event_source_arn: str | None, function_name: str | None
    ) -> list[EventSourceMapping]:
        """Return the mappings of a queue, of a function by its name or ARN, or all."""
        wanted = self.get_function(function_name).function_arn if function_name else None
        return [
            mapping
            for mapping in list(self._event_source_mappings.values())  # a copy: threads create others
            if event_source_arn in (None, mapping.event_source_arn) and wanted in (None, mapping.function_arn)
        ]


def backend() -> LocalLambda:
    """Return the Lambda of the running local cloud."""
    return running(lambda_backends, LocalLambda)
