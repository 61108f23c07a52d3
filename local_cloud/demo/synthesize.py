"""A cloud with this project's catalog in it: synthesize, start, deploy, and say what is on offer."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, STDOUT
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ..account import REGION
from ..cloud import Cloud
from ..cloudformation.assembly import deploy
from ..iam.trust import ADMINISTRATOR
from .kept import ROOT, digest, kept
from .refusals import RefusedError
from .stopping import deferred

STACK = "CatalogStack"


class SynthesisFailedError(RefusedError):
    """The app did not synthesize; the message is what it printed."""


class NotOfferedError(RefusedError):
    """What was to be launched is not on offer; the message says what is."""


@dataclass(frozen=True)
class Offer:
    """What a user picks in the console before the launch form opens."""

    product_id: str
    product_name: str
    version_id: str
    version_name: str
    path_id: str


@contextmanager
def catalog(
    console: Console, port: int, speed: float, *, databases: bool = False, **settings: str
) -> Iterator[Cloud]:
    """Yield a running cloud with the synthesized catalog deployed into it; progress goes to `console`.

    With `databases`, a server runs behind each DB instance.

    `settings` are the catalog's own, such as stepConcurrency="10" for catalog:stepConcurrency.
    """
    # The portfolio is opened to who calls the local cloud, as a platform team opens it to its teams.
    assembly = _synthesize(console, {"principals": ADMINISTRATOR} | settings)
    gc.freeze()  # moto and botocore stay; looking through them for garbage takes a tenth of a deployment
    with Cloud(speed=speed, port=port, databases=databases) as cloud:
        _deploy(console, cloud, assembly)
        yield cloud


def offer(cloud: Cloud, version: str = "") -> Offer:
    """Return the product on offer in a version, by default in the one that the catalog's output recommends.

    Raises:
        NotOfferedError: the catalog offers this user no product, or more than one, or not the version.
    """
    service_catalog = cloud.client("servicecatalog")
    found = service_catalog.search_products()["ProductViewSummaries"]
    if len(found) != 1:
        raise NotOfferedError(f"One product was expected in the catalog, found {len(found)}.")
    product_id = found[0]["ProductId"]
    versions = service_catalog.describe_product(Id=product_id)["ProvisioningArtifacts"]
    on_offer = {each["Name"]: each["Id"] for each in versions if each["Guidance"] == "DEFAULT"}
    version = version or _recommended(cloud)
    if version not in on_offer:
        raise NotOfferedError(f"Version {version} is not on offer. On offer are {', '.join(on_offer)}.")
    path = service_catalog.list_launch_paths(ProductId=product_id)["LaunchPathSummaries"][0]
    return Offer(product_id, found[0]["Name"], on_offer[version], version, path["Id"])


def _recommended(cloud: Cloud) -> str:
    [stack] = cloud.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    return next(str(each["OutputValue"]) for each in stack["Outputs"] if each["OutputKey"] == "Version")


def _synthesize(console: Console, settings: dict[str, str]) -> Path:
    """Return the catalog's assembly: the one made before, unless anything has changed since."""
    context = [f"catalog:{name}={value}" for name, value in settings.items()]
    # Nothing of the caller's account reaches the app. The local cloud has one region.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment["AWS_REGION"] = REGION

    def make(directory: Path) -> None:
        command = ["cdk", "synth", "--quiet", "--output", str(directory), STACK]
        for each in context:
            command += ["--context", each]
        process: subprocess.Popen[str] | None = None
        try:
            # A signal while it starts would leave a process behind that nobody knows.
            with deferred():
                # In a session of its own, for the cdk command starts others, which would go on without it.
                process = subprocess.Popen(
                    command, cwd=ROOT, env=environment, stdout=PIPE, stderr=STDOUT, text=True,
                    start_new_session=True,
                )  # fmt: skip
            printed, _ = process.communicate()
        except BaseException:
            if process is not None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            raise
        if process.returncode:
            raise SynthesisFailedError(printed)

    with console.status("Synthesizing the catalog"):
        assembly = kept(digest(STACK, *context, environment=environment), make)
    if not assembly.new:
        console.print(
            f"[green]✔[/] Nothing changed since the catalog was synthesized at {assembly.made:%F %T}"
        )
    return assembly.directory


def _deploy(console: Console, cloud: Cloud, assembly: Path) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(f"Deploying {STACK}", total=None)

        def show(event: dict[str, Any]) -> None:
            if event["ResourceStatus"] == "CREATE_IN_PROGRESS" and event["ResourceType"] == STACK_TYPE:
                progress.update(task, total=resource_count(cloud, event["StackId"]))
            elif event["ResourceStatus"] == "CREATE_COMPLETE":
                progress.advance(task)

        deploy(cloud, assembly, STACK, on_event=show)
        done = progress.tasks[0]
    console.print(f"[green]✔[/] {STACK} deployed: {done.completed:.0f} resources in {done.elapsed:.0f} s")


STACK_TYPE = "AWS::CloudFormation::Stack"


def resource_count(cloud: Cloud, stack_id: str) -> int:
    """Return how many resources the template of a stack declares."""
    return len(cloud.client("cloudformation").get_template(StackName=stack_id)["TemplateBody"]["Resources"])
