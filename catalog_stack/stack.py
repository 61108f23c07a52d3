"""What `cdk deploy CatalogStack` deploys."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from aws_cdk import CfnOutput, Stack, Tags
from constructs import Construct

from .catalog import Catalog
from .encryption import CatalogKey
from .engine.construct import Engine
from .monitoring import CatalogMonitoring
from .permissions.launch_roles import LaunchRoles
from .settings import Settings


class CatalogStack(Stack):
    """The product in its portfolio, the engine that launches it, and the roles that launches run with."""

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: Settings, versions: Path, **options: Any
    ) -> None:
        """Build the stack.

        Args:
            scope: the app.
            construct_id: the stack's id.
            settings: what the platform team decided.
            versions: the directory of the versions on offer.
            **options: those of `aws_cdk.Stack`.
        """
        super().__init__(scope, construct_id, description="TapStack in AWS Service Catalog", **options)
        accounts = [self.account, *settings.provisioning_accounts]

        key = CatalogKey(self, "Key")
        engine = Engine(
            self,
            "Engine",
            versions=versions,
            key=key,
            log_retention=settings.log_retention,
            accounts=accounts,
            step_concurrency=settings.step_concurrency,
            refuse_own_principals=settings.queues_refuse_account,
        )
        roles = LaunchRoles(self, "LaunchRoles", hub_account=self.account)
        catalog = Catalog(self, "Catalog", settings=settings, versions=versions, launch_roles=roles, key=key)
        CatalogMonitoring(self, "Monitoring", engine=engine, key=key, email=settings.alarm_email)

        for name, value in settings.tags.items():
            Tags.of(self).add(name, value)
        CfnOutput(
            self, "PortfolioId", value=catalog.portfolio_id, description="The portfolio, to open or share it"
        )
        CfnOutput(self, "ProductId", value=catalog.product_id, description="The product that users launch")
        CfnOutput(self, "Version", value=catalog.version, description="The version that is recommended")
        CfnOutput(self, "CatalogVersion", value=_version(), description="See catalog_stack/CHANGELOG.md")
        CfnOutput(self, "LaunchCommand", value=catalog.launch_command, description="Launches that version")
        CfnOutput(
            self,
            "StateMachineArn",
            value=engine.machine.state_machine_arn,
            description="The state machine; each operation is an execution",
        )
        CfnOutput(
            self,
            "ReportFunctionName",
            value=engine.functions["report"].function_name,
            description="Answers an operation by hand: make unstick",
        )
        CfnOutput(
            self,
            "DeadLettersUrl",
            value=engine.dead_letters.queue_url,
            description="Queue of messages and events that the engine could not take",
        )
        CfnOutput(
            self,
            "UnreportedUrl",
            value=engine.unreported.queue_url,
            description="Queue of operations that the engine could not answer",
        )
        CfnOutput(
            self,
            "UnconfirmedUrl",
            value=engine.unconfirmed.queue_url,
            description="Queue of operations that Service Catalog does not confirm",
        )
        # W3005: the CDK makes each function depend on its role twice, by reference and by DependsOn.
        self.template_options.metadata = {"cfn-lint": {"config": {"ignore_checks": ["W3005"]}}}


def _version() -> str:
    """Return the version of what is deployed here; the product has versions of its own."""
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    return str(project["version"])
