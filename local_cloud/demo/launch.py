"""Launch the product on offer and show as it happens what stands on five pages of the console."""

from __future__ import annotations

import time
from typing import Any

from rich.console import Console
from rich.markup import escape

from ..cloud import Cloud
from ..cloudformation.assembly import new_events
from ..rds.models import backend as rds
from ..rds.postgresql.sampling import Sampler
from ..rds.resources import DBInstance
from .synthesize import STACK_TYPE, catalog, offer, resource_count


def launch(console: Console, parameters: dict[str, str], speed: float, version: str) -> int:
    """Launch with `parameters` and follow. Returns 0 when the product became AVAILABLE, else 1.

    Args:
        console: where to show it.
        parameters: what the form would ask for.
        speed: AWS seconds in one second here.
        version: its name; empty for the one that the catalog recommends.

    Raises:
        NotOfferedError: there is no such version to launch.
    """
    with catalog(console, port=0, speed=speed, databases=True) as cloud:
        offered = offer(cloud, version)
        console.print(f"[green]✔[/] On offer: {offered.product_name} {offered.version_name}")
        answer = cloud.client("servicecatalog").provision_product(
            ProductId=offered.product_id,
            ProvisioningArtifactId=offered.version_id,
            PathId=offered.path_id,
            ProvisionedProductName="first-launch",
            ProvisioningParameters=[{"Key": key, "Value": value} for key, value in parameters.items()],
        )["RecordDetail"]
        title = f"provision-product {offered.product_name} {offered.version_name}"
        console.print(_table(title, list(parameters.items())), soft_wrap=True)
        record = _Follow(console, cloud, answer["ProvisionedProductId"], answer["RecordId"]).to_the_end()
        return _conclude(console, cloud, record)


class _Follow:
    """One operation, told from its record, its execution's history and its stack's events."""

    def __init__(self, console: Console, cloud: Cloud, provisioned_product_id: str, record_id: str) -> None:
        self.console = console
        self.cloud = cloud
        self.provisioned_product_id = provisioned_product_id
        self.record_id = record_id
        self.started = time.monotonic()
        self.execution_arn = self.stack_id = ""
        self.states_shown = 0
        self.events_seen: set[str] = set()
        self.created = 0
        self.total = 0

    def to_the_end(self) -> dict[str, Any]:
        """Show progress until the record is SUCCEEDED or FAILED, and return the record."""
        service_catalog = self.cloud.client("servicecatalog")
        with self.console.status("waiting for the engine") as self.status:
            while True:
                record: dict[str, Any] = service_catalog.describe_record(Id=self.record_id)
                self._show_states()
                self._show_events()
                if record["RecordDetail"]["Status"] in ("SUCCEEDED", "FAILED"):
                    return record
                time.sleep(0.1)

    def _show_states(self) -> None:
        step_functions = self.cloud.client("stepfunctions")
        self.execution_arn = self.execution_arn or self._find_execution(step_functions)
        if self.execution_arn:
            self._show_history(step_functions, self.execution_arn)

    def _find_execution(self, step_functions: Any) -> str:
        """Return the ARN of the operation's execution; empty until it has begun."""
        arns = (
            execution["executionArn"]
            for machine in step_functions.list_state_machines()["stateMachines"]
            for execution in step_functions.list_executions(stateMachineArn=machine["stateMachineArn"])[
                "executions"
            ]
            if execution["name"].endswith(self.record_id)
        )
        return next(arns, "")

    def _show_history(self, step_functions: Any, execution_arn: str) -> None:
        pages = step_functions.get_paginator("get_execution_history").paginate(executionArn=execution_arn)
        entered = [
            event["stateEnteredEventDetails"]["name"]
            for page in pages
            for event in page["events"]
            if event["type"] in ("TaskStateEntered", "ChoiceStateEntered", "SucceedStateEntered")
        ]
        for state in entered[self.states_shown :]:
            self._print(f"[bold cyan]▶ {state}[/]")
            self.status.update(state)
        self.states_shown = len(entered)

    def _show_events(self) -> None:
        cloudformation = self.cloud.client("cloudformation")
        self.stack_id = self.stack_id or self._find_stack(cloudformation)
        if self.stack_id:
            self.total = self.total or resource_count(self.cloud, self.stack_id)
            for event in new_events(cloudformation, self.stack_id, self.events_seen):
                self._show_event(event)

    def _find_stack(self, cloudformation: Any) -> str:
        """Return the id of the product's stack; empty until there is one."""
        ids = (
            stack["StackId"]
            for stack in cloudformation.describe_stacks()["Stacks"]
            if self.provisioned_product_id in {tag["Value"] for tag in stack.get("Tags", [])}
        )
        return next(ids, "")

    def _show_event(self, event: dict[str, Any]) -> None:
        status = event["ResourceStatus"]
        if event["ResourceType"] == STACK_TYPE:
            return
        name = f"{event['ResourceType']:<34} {event.get('PhysicalResourceId') or event['LogicalResourceId']}"
        if status == "CREATE_COMPLETE":
            self.created += 1
            self._print(f"  [green]{self.created:>3}/{self.total}[/] {escape(name)}")
        elif status.endswith("FAILED"):
            self._print(f"  [red]{status}[/] {escape(name)}: {escape(event.get('ResourceStatusReason', ''))}")
        elif status == "CREATE_IN_PROGRESS":
            self.status.update(f"creating {event['LogicalResourceId']}")

    def _print(self, text: str) -> None:
        self.console.print(f"[dim]{time.monotonic() - self.started:5.1f} s[/] {text}", soft_wrap=True)


def _conclude(console: Console, cloud: Cloud, record: dict[str, Any]) -> int:
    product_id = record["RecordDetail"]["ProvisionedProductId"]
    product = cloud.client("servicecatalog").describe_provisioned_product(Id=product_id)[
        "ProvisionedProductDetail"
    ]
    if record["RecordDetail"]["Status"] == "FAILED":
        console.print(f"\n[red]✘ The launch FAILED; the product is {product['Status']}.[/]\n")
        for error in record["RecordDetail"]["RecordErrors"]:
            console.print(escape(error["Description"]), soft_wrap=True)
        console.print("\nNext: correct the input and run make launch again.")
        return 1
    console.print(
        "\n",
        _table(
            "Outputs", [(output["OutputKey"], output["OutputValue"]) for output in record["RecordOutputs"]]
        ),
        _table("Alert subscriptions", _subscriptions(cloud)),
        sep="\n",
        soft_wrap=True,
    )
    console.print(f"[green]✔ The product is {product['Status']}.[/]")
    console.print(*_servers(), sep="\n", soft_wrap=True)
    console.print(
        "Next: `make cloud` serves this cloud for the aws command and psql; `make deploy` takes the catalog "
        "to AWS."
    )
    return 0 if product["Status"] == "AVAILABLE" else 1


def _servers() -> list[str]:
    """Return what each database's server is, and what it cost."""
    return [_server(database) for database in rds().instances()]


def _server(database: DBInstance) -> str:
    if database.server is None:
        return f"No PostgreSQL ran behind {database.db_instance_identifier}: the warning above says why."
    sample = Sampler(database.server).latest(seconds=0)
    memory = f", {sample[1].memory / 2**20:.0f} MB of memory" if sample and sample[1] else ""
    return (
        f"PostgreSQL {database.server.version} ran behind {database.db_instance_identifier}: "
        f"{database.server_seconds:.1f} s to create and start{memory}."
    )


def _subscriptions(cloud: Cloud) -> list[tuple[str, str]]:
    return [
        (
            subscription["Endpoint"],
            "confirmed"
            if subscription["SubscriptionArn"].startswith("arn:")
            else "pending: the owner has to follow the link in the mail that SNS sent",
        )
        for subscription in cloud.client("sns").list_subscriptions()["Subscriptions"]
    ]


def _table(title: str, rows: list[tuple[str, str]]) -> str:
    """Return aligned lines that the terminal wraps, and not we: what is copied from them stays whole."""
    width = max((len(key) for key, _ in rows), default=0)
    lines = [f"  {escape(key):<{width}}  {escape(value)}" for key, value in rows]
    return "\n".join([f"[bold]{title}[/]", *lines, ""])
