"""What a Lambda function is configured to be: shown as AWS shows it, and refused where it cannot run here."""

from __future__ import annotations

import json
import re
import uuid
from typing import Any

from moto.awslambda.exceptions import InvalidParameterValueException, ValidationException
from moto.awslambda.models import LambdaFunction
from moto.core.utils import iso_8601_datetime_with_nanoseconds

from ..world import World

# "Defined runtime environment variables": these are Lambda's own.
RESERVED = re.compile(
    r"_HANDLER|_X_AMZN_TRACE_ID|AWS_(DEFAULT_)?REGION|AWS_EXECUTION_ENV|AWS_LAMBDA_(FUNCTION_NAME|FUNCTION_MEMORY_SIZE"
    r"|FUNCTION_VERSION|INITIALIZATION_TYPE|LOG_GROUP_NAME|LOG_STREAM_NAME|RUNTIME_API)|AWS_ACCESS_KEY(_ID)?"
    r"|AWS_SECRET_ACCESS_KEY|AWS_SESSION_TOKEN|LAMBDA_(TASK_ROOT|RUNTIME_DIR)"
)
ENVIRONMENT_BYTES = 4096
UNSUPPORTED = (
    "CapacityProviderConfig",
    "CodeSigningConfigArn",
    "DurableConfig",
    "FileSystemConfigs",
    "ImageConfig",
    "Layers",
    "TenancyConfig",
)


# moto's LambdaFunction with what this module adds: logging_config, dead_letter_config, revision.
Function = Any


def install(world: World) -> None:
    """Keep and show the whole configuration of functions, of which moto drops a part."""

    def initialize(
        self: Function, account_id: str, spec: dict[str, Any], *arguments: Any, **named: Any
    ) -> None:
        _check(spec)
        original_initialize(self, account_id, spec, *arguments, **named)
        _take_over(self, spec)

    def update_configuration(self: Function, changes: dict[str, Any]) -> dict[str, Any]:
        _check(changes)
        original_update(self, changes)
        _take_over(self, changes)
        self.last_modified = iso_8601_datetime_with_nanoseconds()
        return get_configuration(self)

    def get_configuration(self: Function, on_create: bool = False) -> dict[str, Any]:
        shown = {key: value for key, value in original_get(self, on_create).items() if value is not None}
        shown |= {"LoggingConfig": self.logging_config, "RevisionId": self.revision}
        if self.dead_letter_config:
            shown["DeadLetterConfig"] = self.dead_letter_config
        return shown

    original_initialize = world.patch(LambdaFunction, "__init__", initialize)
    original_update = world.patch(LambdaFunction, "update_configuration", update_configuration)
    original_get = world.patch(LambdaFunction, "get_configuration", get_configuration)


def _take_over(function: Function, spec: dict[str, Any]) -> None:
    """Take over what moto does not know, from CreateFunction or UpdateFunctionConfiguration."""
    before = getattr(function, "logging_config", {"LogFormat": "Text", "LogGroup": function.logs_group_name})
    function.logging_config = _logging(before | spec.get("LoggingConfig", {}))
    function.logs_group_name = function.logging_config["LogGroup"]
    before = getattr(function, "dead_letter_config", {})
    function.dead_letter_config = spec.get("DeadLetterConfig", before)
    function.tracing_config = spec.get("TracingConfig", function.tracing_config)
    function.kms_key_arn = spec.get("KMSKeyArn", function.kms_key_arn)
    if "EphemeralStorage" in spec:
        function.ephemeral_storage = spec["EphemeralStorage"]["Size"]
    function.revision = str(uuid.uuid4())


def _logging(config: dict[str, Any]) -> dict[str, Any]:
    if config["LogFormat"] == "JSON":
        return {"ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO"} | config
    return config


def _check(spec: dict[str, Any]) -> None:
    for name in UNSUPPORTED:
        if spec.get(name):
            raise _unsupported(name)
    if spec.get("VpcConfig", {}).get("SubnetIds"):
        raise _unsupported("VpcConfig")
    if spec.get("SnapStart", {}).get("ApplyOn", "None") != "None":
        raise _unsupported("SnapStart")
    if spec.get("PackageType", "Zip") != "Zip":
        raise _unsupported("PackageType Image")
    if "Runtime" in spec and not spec["Runtime"].startswith("python3."):
        raise _unsupported(f"the runtime {spec['Runtime']}")
    _check_range(spec, "Timeout", 1, 900)
    _check_range(spec, "MemorySize", 128, 10240)
    _check_environment(spec.get("Environment", {}).get("Variables", {}))


def _unsupported(what: str) -> InvalidParameterValueException:
    return InvalidParameterValueException(f"The local cloud does not run functions with {what}.")


def _check_range(spec: dict[str, Any], name: str, least: int, most: int) -> None:
    value = spec.get(name, least)
    if value > most:
        raise ValidationException(value, _lower(name), f"Member must have value less than or equal to {most}")
    if value < least:
        raise ValidationException(
            value, _lower(name), f"Member must have value greater than or equal to {least}"
        )


def _lower(name: str) -> str:
    return name[0].lower() + name[1:]


def _check_environment(variables: dict[str, str]) -> None:
    if taken := [name for name in variables if RESERVED.fullmatch(name)]:
        raise InvalidParameterValueException(
            "Lambda was unable to configure your environment variables because the environment variables you "
            "have provided contains reserved keys that are currently not supported for modification. "
            f"Reserved keys used in this request: {', '.join(taken)}"
        )
    if len(json.dumps(variables, separators=(",", ":")).encode()) > ENVIRONMENT_BYTES:
        raise InvalidParameterValueException(
            "Lambda was unable to configure your environment variables because the environment variables you "
            "have provided exceeded the 4KB limit."
        )
