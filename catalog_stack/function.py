"""The one set of defaults for the engine's Lambda functions, and how their code is bundled."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jsii
import uv
from aws_cdk import AssetHashType, BundlingOptions, DockerImage, Duration, ILocalBundling
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

# The launch role trusts this path, so a function's role can be replaced without a change in other accounts.
ROLE_PATH = "/tapstack-engine/"
TIMEOUT = Duration.seconds(60)
LAMBDAS = Path(__file__).parent.parent / "lambdas"


class BundlingError(RuntimeError):
    """The dependencies of the Lambda functions could not be resolved or downloaded. The message is uv's."""


class EngineFunction(lambda_.Function):
    """One verb of `lambdas/`, with a role of its own.

    Args:
        scope: the construct it belongs to.
        verb: the folder below `lambdas/`.
        code: what `bundled_code` returned, shared by all functions.
        log_group: where it writes its log.
        permissions: all that it may do besides writing its log and its traces.
        environment: variables besides those of Powertools.
        name: only where Service Catalog prescribes one.
    """

    def __init__(
        self,
        scope: Construct,
        verb: str,
        *,
        code: lambda_.Code,
        log_group: logs.ILogGroup,
        permissions: Sequence[iam.PolicyStatement],
        environment: Mapping[str, str] | None = None,
        name: str | None = None,
    ) -> None:
        construct_id = verb.title().replace("_", "")
        # Without AWSLambdaBasicExecutionRole, which may create and write every log group of the account.
        role = iam.Role(
            scope,
            f"{construct_id}Role",
            path=ROLE_PATH,
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
        )
        super().__init__(
            scope,
            construct_id,
            function_name=name,
            code=code,
            handler=f"{verb}.handler.handle",
            runtime=lambda_.Runtime.PYTHON_3_14,
            architecture=lambda_.Architecture.ARM_64,
            memory_size=512,
            timeout=TIMEOUT,
            tracing=lambda_.Tracing.ACTIVE,
            role=role,
            log_group=log_group,
            initial_policy=list(permissions),
            environment={
                "POWERTOOLS_SERVICE_NAME": verb,
                "POWERTOOLS_METRICS_NAMESPACE": "TapStackEngine",
                "POWERTOOLS_LOG_LEVEL": "INFO",
                **(environment or {}),
            },
        )
        log_group.grant_write(role)


def bundled_code() -> lambda_.Code:
    """Return `lambdas/` with its locked dependencies, built for Lambda's Python and processor by uv."""
    return lambda_.Code.from_asset(
        str(LAMBDAS),
        # The hash of what was built: with that of the source, another processor's build would keep the key.
        asset_hash_type=AssetHashType.OUTPUT,
        bundling=BundlingOptions(image=lambda_.Runtime.PYTHON_3_14.bundling_image, local=_Uv()),
    )


@jsii.implements(ILocalBundling)
class _Uv:
    def try_bundle(self, output_dir: str, *, image: DockerImage, **options: Any) -> bool:  # noqa: ARG002
        command = [
            *(uv.find_uv_bin(), "pip", "install", "--quiet", "--color", "never", "--target", output_dir),
            *(
                "--python-version",
                "3.14",
                "--python-platform",
                "aarch64-manylinux2014",
                "--only-binary",
                ":all:",
            ),
            *("--requirements", str(LAMBDAS / "requirements.txt")),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            raise BundlingError(f"uv could not install {LAMBDAS / 'requirements.txt'}:\n{done.stderr}")
        shutil.rmtree(Path(output_dir, "bin"))  # scripts with this machine's paths in them
        shutil.copytree(LAMBDAS, output_dir, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
        return True
