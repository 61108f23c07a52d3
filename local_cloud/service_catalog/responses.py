"""Service Catalog's API over HTTP: checks a request, makes a Call of it, and runs its operation."""

from __future__ import annotations

import logging
from typing import Any

from botocore.model import OperationModel, StructureShape
from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, BaseResponse
from moto.core.utils import camelcase_to_underscores, get_service_model

from local_cloud.account import REGION

from . import (
    browsing,
    constraints,
    portfolios,
    products,
    provisioning,
    records,
    tag_options,
    workflow_results,
)
from .calls import OPERATIONS, Call, Operation, Response
from .errors import InternalServerError, InvalidParametersError, NotEmulatedError
from .models import LocalServiceCatalog, backend
from .validation import check

logger = logging.getLogger(__name__)

# The import of these modules registers their operations.
_OPERATIONS_OF = (
    browsing,
    constraints,
    workflow_results,
    portfolios,
    products,
    provisioning,
    records,
    tag_options,
)


class LocalServiceCatalogResponse(BaseResponse):
    """Answers requests to Service Catalog."""

    def __init__(self) -> None:
        super().__init__(service_name="servicecatalog")
        self.automated_parameter_parsing = True

    @property
    def backend(self) -> LocalServiceCatalog:
        """The Service Catalog of the account."""
        return backend()

    def call_action(self) -> Any:
        """Answer the request. A fault of ours is an error for the client, and a traceback in the log."""
        try:
            self._authenticate_and_authorize_normal_action("*")
            answer: object = self._answer(
                get_service_model("servicecatalog").operation_model(self._get_action())
            )
        except ServiceException as error:
            answer = error
        except Exception:
            logger.exception("%s failed", self._get_action())
            fault = InternalServerError(f"The local cloud failed to run {self._get_action()}; see its log.")
            return 500, *self.serialized(ActionResult(fault))[1:]
        return self.serialized(ActionResult(answer))

    def _answer(self, model: OperationModel) -> Response:
        run = OPERATIONS.get(camelcase_to_underscores(model.name))
        if run is None:
            raise NotEmulatedError(f"The local cloud does not emulate servicecatalog:{model.name}.")
        if self.region != REGION:
            raise NotEmulatedError(f"The local cloud emulates Service Catalog in {REGION} only.")
        params = {name: value for name, value in self.params.items() if value is not None}
        shape = model.input_shape
        assert shape is not None  # every operation of Service Catalog has one
        check(params, shape)
        call = Call(self.backend, self.headers.get("Authorization", ""), params)
        token = _idempotency_token(shape, params)
        # The record counts repeated answers of the engine, so `workflow_results` recognizes those.
        if token is None or model.name.startswith("Notify"):
            return run(call)
        return self._once(run, call, (model.name, token))

    def _once(self, run: Operation, call: Call, key: tuple[str, str]) -> Response:
        with self.backend.token_locks[key]:
            if key in self.backend.repeatable:
                params, answer = self.backend.repeatable[key]
                if call.params != params:
                    raise InvalidParametersError("The idempotency token was used with other parameters.")
                return answer
            params, answer = dict(call.params), run(call)
            self.backend.repeatable[key] = (params, answer)
            return answer


def _idempotency_token(shape: StructureShape, params: dict[str, Any]) -> str | None:
    names = (name for name, member in shape.members.items() if "idempotencyToken" in member.metadata)
    return next((params[name] for name in names if name in params), None)
