"""A Lambda function with its whole configuration. Those that can't run here are refused."""

from __future__ import annotations

import json
import re
import uuid
from typing import Any

from moto.awslambda.exceptions import InvalidParameterValueException, ValidationException
from moto.awslambda.models import LambdaFunction, lambda_backends
from moto.core.utils import iso_8601_datetime_with_nanoseconds

# "Defined runtime environment variables": only Lambda sets these.
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


class LocalFunction(LambdaFunction):
    """A function with its whole configuration; moto drops a part of it.

    Attributes:
        logging_config: LoggingConfig, with every default filled in.
        dead_letter_config: DeadLetterConfig; empty if there is none.
        revision: RevisionId. Environments of an earlier revision get no more events.
    """

    def __init__(self, account_id: str, spec: dict[str, Any], region: str, version: str | int = 1) -> None:
        _check(spec)
        super().__init__(account_id, spec, region, version)
        self.logging_config: dict[str, Any] = {"LogFormat": "Text", "LogGroup": self.logs_group_name}
        self.dead_letter_config: dict[str, Any] = {}
        self.revision = ""
        self._take_over(spec)

    def update_configuration(self, config_updates: dict[str, Any]) -> dict[str, Any]:
        """Change the configuration as UpdateFunctionConfiguration does, or nothing if a part is invalid."""
        _check(config_updates)
        super().update_configuration(config_updates)
        self._take_over(config_updates)
        self.last_modified = iso_8601_datetime_with_nanoseconds()
        return self.get_configuration()

    def get_configuration(self, on_create: bool = False) -> dict[str, Any]:
        """Return what GetFunctionConfiguration shows."""
        shown = {
            key: value for key, value in super().get_configuration(on_create).items() if value is not None
        }
        shown |= {"LoggingConfig": self.logging_config, "RevisionId": self.revision}
        if self.dead_letter_config:
            shown["DeadLetterConfig"] = self.dead_letter_config
        return shown

    def invoke(self, body: str, request_headers: Any, response_headers: Any) -> str | bytes:
        """Invoke as the API does. Other services of moto's call this method."""
        backend = lambda_backends[self.account_id][self.region]
        return backend.invoke(self.function_arn, None, body, request_headers, response_headers) or ""

    def _take_over(self, spec: dict[str, Any]) -> None:
        """Keep the parts of CreateFunction's or UpdateFunctionConfiguration's request that moto drops."""
        self.logging_config = _logging(self.logging_config | spec.get("LoggingConfig", {}))
        self.logs_group_name = self.logging_config["LogGroup"]
        self.dead_letter_config = spec.get("DeadLetterConfig", self.dead_letter_config)
        self.tracing_config = spec.get("TracingConfig", self.tracing_config)
        self.kms_key_arn = spec.get("KMSKeyArn", self.kms_key_arn)
        if "EphemeralStorage" in spec:
            self.ephemeral_storage = spec["EphemeralStorage"]["Size"]
        self.revision = str(uuid.uuid4())


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
