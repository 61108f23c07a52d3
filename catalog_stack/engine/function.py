"""The defaults of the engine's Lambda functions, and how their code is bundled."""

from __future__ import annotations

import re
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

from product_template.acknowledgements import HIPAA, NIST, PCI, SERVERLESS, acknowledge

from ..metrics import NAMESPACE
from ..permissions.launch_roles import ENGINE_PATH
from ..permissions.policy import Permission, allow, managed_policy

TIMEOUT = Duration.seconds(60)
LAMBDAS = Path(__file__).parents[2] / "lambdas"


class BundlingError(SystemExit):
    """uv could not resolve or download the dependencies of the Lambda functions. It ends the process.

    jsii hides the message of an Exception in a traceback through Node.js. SystemExit passes through jsii.
    """


class EngineFunction(lambda_.Function):
    """One verb of `lambdas/`, with a role of its own.

    Args:
        scope: the construct it belongs to.
        verb: the folder below `lambdas/`.
        code: what `bundled_code` returned, shared by all functions.
        log_group: where it writes its log.
        permissions: all that it may do besides writing its log and its traces.
        environment: variables besides those of Powertools.
        undelivered: why it needs no dead-letter queue of its own.
        name: only where Service Catalog prescribes one.
        timeout: the most that one event may take.
        concurrency: its reserved concurrency, taken from the account's; 0 reserves none and sets no limit.
    """

    def __init__(
        self,
        scope: Construct,
        verb: str,
        *,
        code: lambda_.Code,
        log_group: logs.ILogGroup,
        permissions: Sequence[Permission],
        undelivered: str,
        environment: Mapping[str, str] | None = None,
        name: str | None = None,
        timeout: Duration = TIMEOUT,
        concurrency: int = 0,
    ) -> None:
        construct_id = verb.title().replace("_", "")
        role = iam.Role(
            scope,
            f"{construct_id}Role",
            path=ENGINE_PATH,
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            managed_policies=[
                managed_policy(
                    scope,
                    f"{construct_id}Policy",
                    f"All that the TapStack engine's function {verb} may do",
                    [*permissions, *_of_every_function(log_group)],
                )
            ],
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
            timeout=timeout,
            reserved_concurrent_executions=concurrency or None,
            tracing=lambda_.Tracing.ACTIVE,
            # Otherwise the CDK adds inline policies with permissions that the function does not use.
            role=role.without_policy_updates(),
            log_group=log_group,
            environment={
                "POWERTOOLS_SERVICE_NAME": verb,
                "POWERTOOLS_METRICS_NAMESPACE": NAMESPACE,
                "POWERTOOLS_LOG_LEVEL": "INFO",
                **(environment or {}),
            },
        )
        acknowledge(
            self,
            "LambdaInsideVPC",
            PCI,
            NIST,
            HIPAA,
            because="R22: in a VPC its network interfaces would outlive it by up to 40 minutes. It talks to "
            "AWS APIs alone, over TLS and with its role.",
        )
        if not concurrency:
            acknowledge(
                self,
                "LambdaConcurrency",
                NIST,
                HIPAA,
                because="R3: the catalog deploys into any account, and one with the initial quota of 10 "
                "concurrent executions refuses to reserve any. catalog:stepConcurrency does, for steps that "
                "call CloudFormation and RDS; what receives and answers must never be refused.",
            )
        acknowledge(self, "LambdaDLQ", NIST, HIPAA, SERVERLESS, because=undelivered)


def _of_every_function(log_group: logs.ILogGroup) -> list[Permission]:
    return [
        allow("logs", "CreateLogStream PutLogEvents", on=log_group.log_group_arn),
        allow(
            "xray",
            "PutTelemetryRecords PutTraceSegments",
            on="*",
            why="R24: X-Ray has the trace of a launch; its actions support no resource-level permissions.",
        ),
    ]


def bundled_code() -> lambda_.Code:
    """Return `lambdas/` with its locked dependencies, built for Lambda's Python and processor by uv."""
    return lambda_.Code.from_asset(
        str(LAMBDAS),
        # The hash of the output: by the hash of the source, a build for another processor would not be new.
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
            raise BundlingError(
                f"{done.stderr}\nThe functions' dependencies could not be downloaded, so nothing was "
                "synthesized: connect to a network if there is none, and run the command again."
            )
        shutil.rmtree(Path(output_dir, "bin"))  # scripts with this machine's paths in them
        shutil.copytree(LAMBDAS, output_dir, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
        _drop_unused_services(Path(output_dir, "botocore", "data"))
        return True


def _drop_unused_services(data: Path) -> None:
    """Delete botocore's data about services that no function makes a client of: 60 percent of the package.

    botocore reads the whole directory to make a client, so a cold start gets faster, too.
    """
    code = "".join(file.read_text() for file in LAMBDAS.rglob("*.py"))
    used = set(re.findall(r'client\("([a-z0-9-]+)"', code))
    for service in data.iterdir():
        if service.is_dir() and service.name not in used:
            shutil.rmtree(service)
