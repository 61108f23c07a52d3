"""The one answer that an operation gets from its execution."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine import answer
from engine.change_report import by_verb
from engine.models import Output, Report, Subscription
from engine.reasons import explained
from engine.wording import adding

if TYPE_CHECKING:
    from mypy_boto3_servicecatalog import ServiceCatalogClient


def send(servicecatalog: ServiceCatalogClient, report: Report) -> None:
    """Tell Service Catalog how the operation ended."""
    answer.notify(
        servicecatalog,
        report.kind,
        report.token,
        report.record_id,
        report.provisioned_product_id,
        failure=_failure(report) if report.status == "FAILED" else None,
        outputs=[
            *report.outputs,
            *_subscription_outputs(report.subscriptions),
            *_change_outputs(report),
            *_snapshot_outputs(report.snapshot_id),
        ],
    )


def _failure(report: Report) -> str:
    why = explained(report)
    if report.snapshot_id is None:
        return why
    return adding(why, f" Snapshot {report.snapshot_id} has the database as it was before.")


def _subscription_outputs(subscriptions: list[Subscription]) -> list[Output]:
    if not subscriptions:
        return []
    return [
        Output(
            key="OpsEmailSubscriptions",
            value="; ".join(f"{subscription.email}: {subscription.status}" for subscription in subscriptions),
            description="Each ops email and its subscription to the alert topic. A pending one gets alerts "
            "after somebody has followed the link in the confirmation email.",
        )
    ]


def _snapshot_outputs(snapshot_id: str | None) -> list[Output]:
    if snapshot_id is None:
        return []
    return [
        Output(
            key="PreUpgradeSnapshot",
            value=snapshot_id,
            description="The database as it was before the upgrade to another major version. RDS can't undo "
            "the upgrade: to go back, restore this snapshot as another DB instance (aws rds "
            "restore-db-instance-from-db-snapshot) and let the clients connect to that one. It lacks what "
            "clients wrote later. The snapshot costs money until you delete it or terminate the product.",
        )
    ]


def _change_outputs(report: Report) -> list[Output]:
    """Return the output with an update's changes. A launch has none: everything is new."""
    if report.kind != "UPDATE":
        return []
    lines = [f"{verb}: {', '.join(resources)}" for verb, resources in by_verb(report.changes).items()]
    value = "; ".join(lines) or "none: the stack was already as asked for"
    return [Output(key="Changes", value=value, description="What this update did to the stack's resources")]
