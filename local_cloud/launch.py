"""Launch the product on offer and show, as it happens, what a console user would have to look for on five pages."""

from __future__ import annotations

import time
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .catalog import STACK_TYPE, Offer, catalog, newest_offer, resource_count
from .cloud import Cloud


def launch(console: Console, parameters: dict[str, str], speed: float) -> int:
    """Launch the newest version with `parameters`. Returns 0 when the product became AVAILABLE, else 1."""
    with catalog(console, port=0, speed=speed) as cloud:
        offer = newest_offer(cloud)
        console.print(f"[green]✔[/] On offer: {offer.product_name} {offer.version_name}")
        answer = cloud.client("servicecatalog").provision_product(
            ProductId=offer.product_id,
            ProvisioningArtifactId=offer.version_id,
            PathId=offer.path_id,
            ProvisionedProductName="first-launch",
            ProvisioningParameters=[{"Key": key, "Value": value} for key, value in parameters.items()],
        )["RecordDetail"]
        console.print(_inputs(offer, parameters))
        record = _Follow(console, cloud, answer["ProvisionedProductId"], answer["RecordId"]).to_the_end()
        return _conclude(console, cloud, record)


def _inputs(offer: Offer, parameters: dict[str, str]) -> Table:
    table = Table(title=f"provision-product {offer.product_name} {offer.version_name}", title_justify="left")
    table.add_column("parameter")
    table.add_column("value")
    for key, value in parameters.items():
        table.add_row(key, escape(value))
    return table


class _Follow:
    """One operation, told from its record, its execution's history and its stack's events."""

    def __init__(self, console: Console, cloud: Cloud, provisioned_product_id: str, record_id: str) -> None:
        self.console = console
        self.cloud = cloud
        self.provisioned_product_id = provisioned_product_id
        self.record_id = record_id
        self.started = time.monotonic()
        self.states_shown = 0
        self.events_shown = 0
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
        for machine in step_functions.list_state_machines()["stateMachines"]:
            for execution in step_functions.list_executions(stateMachineArn=machine["stateMachineArn"])["executions"]:
                if execution["name"].endswith(self.record_id):
                    self._show_history(step_functions, execution["executionArn"])

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
        for stack in cloudformation.describe_stacks()["Stacks"]:
            if self.provisioned_product_id in {tag["Value"] for tag in stack.get("Tags", [])}:
                self.total = self.total or resource_count(self.cloud, stack["StackId"])
                pages = cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack["StackId"])
                events = [event for page in pages for event in page["StackEvents"]][::-1]
                for event in events[self.events_shown :]:
                    self._show_event(event)
                self.events_shown = len(events)

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
    product = cloud.client("servicecatalog").describe_provisioned_product(Id=product_id)["ProvisionedProductDetail"]
    if record["RecordDetail"]["Status"] == "FAILED":
        console.print(f"\n[red]✘ The launch FAILED; the product is {product['Status']}.[/]\n")
        for error in record["RecordDetail"]["RecordErrors"]:
            console.print(escape(error["Description"]), soft_wrap=True)
        console.print("\nNext: correct the input and run make launch again.")
        return 1
    outputs = Table(title="Outputs", title_justify="left")
    outputs.add_column("output")
    outputs.add_column("value", overflow="fold")
    for output in record["RecordOutputs"]:
        outputs.add_row(output["OutputKey"], escape(output["OutputValue"]))
    console.print("\n", outputs, _subscriptions(cloud))
    console.print(f"[green]✔ The product is {product['Status']}.[/]")
    console.print("Next: `make cloud` serves this cloud for the aws command; `make deploy` takes it to AWS.")
    return 0 if product["Status"] == "AVAILABLE" else 1


def _subscriptions(cloud: Cloud) -> Table:
    table = Table(title="Alert subscriptions", title_justify="left")
    for column in ("endpoint", "topic", "status"):
        table.add_column(column, overflow="fold")
    for subscription in cloud.client("sns").list_subscriptions()["Subscriptions"]:
        confirmed = subscription["SubscriptionArn"].startswith("arn:")
        status = "[green]confirmed[/]" if confirmed else "[yellow]pending: confirm in the mail SNS sent[/]"
        table.add_row(subscription["Endpoint"], subscription["TopicArn"].rpartition(":")[2], status)
    return table
