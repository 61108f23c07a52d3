"""What users see: the portfolio, the product with its versions, and who may launch it."""

from __future__ import annotations

from pathlib import Path

from aws_cdk import Annotations
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3_assets as s3_assets
from aws_cdk import aws_servicecatalog as servicecatalog
from constructs import Construct

from product_template.launch_account import LAUNCH_ROLE
from product_template.releasing import released_versions
from product_template.releasing.released_versions import JsonTemplate
from product_template.releasing.version import Version

from .permissions.launch_roles import LaunchRoles
from .settings import REGION, Settings
from .version_guidance import VersionGuidance, guidance

PRODUCT = "TapStack"
NOBODY_MAY_LAUNCH = (
    "Nobody may launch the product, because the setting catalog:principals is empty. Set it under context in "
    'cdk.json, for example "catalog:principals": ["arn:aws:iam:::role/Team*"].'
)


class Catalog(Construct):
    """A portfolio with one product. The engine launches it with the launch role.

    Args:
        scope: the stack.
        construct_id: its id.
        settings: owner, support texts, principals and inactive versions.
        versions: the directory of the versions on offer.
        launch_roles: the roles of this account.
        key: encrypts the log of the function that marks versions.

    Attributes:
        portfolio_id: the portfolio.
        product_id: the product.
        version: the recommended version, which is the newest of the first release line on offer. R10 asks for
            PostgreSQL 14, which release line 1 has.
        launch_command: the AWS CLI command that launches that version.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        versions: Path,
        launch_roles: LaunchRoles,
        key: kms.IKey,
    ) -> None:
        super().__init__(scope, construct_id)
        marks = guidance(released_versions.templates(versions), settings.inactive_versions)
        self.version = next(version for version, mark in marks.items() if mark == "DEFAULT")
        self.portfolio_id = servicecatalog.CfnPortfolio(
            self,
            "Portfolio",
            display_name="Databases",
            description="Databases that teams launch themselves",
            provider_name=settings.owner,
        ).ref
        product = self._product(settings, versions)
        self.product_id = product.ref
        VersionGuidance(
            self,
            "VersionGuidance",
            product=product,
            guidance=marks,
            inactive=settings.inactive_versions,
            key=key,
            log_retention=settings.log_retention,
        )
        self.launch_command = (
            f"aws servicecatalog provision-product --region {REGION} --product-id {self.product_id} "
            f"--provisioning-artifact-name {self.version} --provisioned-product-name tapstack-dev "
            "--provisioning-parameters Key=EnvironmentSuffix,Value=dev Key=OpsEmails,Value=you@example.com"
        )
        self._launch_with(launch_roles)
        if not settings.principals:
            Annotations.of(self).add_warning_v2("catalog:principals", NOBODY_MAY_LAUNCH)
        for principal in dict.fromkeys(settings.principals):
            servicecatalog.CfnPortfolioPrincipalAssociation(
                self,
                principal,
                portfolio_id=self.portfolio_id,
                principal_arn=principal,
                principal_type="IAM_PATTERN" if principal.startswith("arn:aws:iam:::") else "IAM",
            )

    def _product(self, settings: Settings, versions: Path) -> servicecatalog.CfnCloudFormationProduct:
        # The L2 construct cannot set the product type.
        return servicecatalog.CfnCloudFormationProduct(
            self,
            "Product",
            name=PRODUCT,
            product_type="EXTERNAL",
            owner=settings.owner,
            description="A highly available, encrypted PostgreSQL database in its own network",
            support_email=settings.support_email,
            support_url=settings.support_url,
            support_description=settings.support_description,
            provisioning_artifact_parameters=[
                self._version(version, template, versions / f"{version}{released_versions.ENDING}")
                for version, template in released_versions.templates(versions).items()
            ],
        )

    def _version(
        self, version: Version, template: JsonTemplate, file: Path
    ) -> servicecatalog.CfnCloudFormationProduct.ProvisioningArtifactPropertiesProperty:
        # Service Catalog copies the template when it creates the version, which it identifies by this URL.
        asset = s3_assets.Asset(self, f"Version{version}", path=str(file))
        return servicecatalog.CfnCloudFormationProduct.ProvisioningArtifactPropertiesProperty(
            name=str(version),
            description=template["Description"],
            type="EXTERNAL",
            disable_template_validation=True,  # the API refuses an EXTERNAL version without it
            info={"LoadTemplateFromURL": asset.http_url},
        )

    def _launch_with(self, launch_roles: LaunchRoles) -> None:
        association = servicecatalog.CfnPortfolioProductAssociation(
            self, "ProductInPortfolio", portfolio_id=self.portfolio_id, product_id=self.product_id
        )
        constraint = servicecatalog.CfnLaunchRoleConstraint(
            self,
            "LaunchRole",
            portfolio_id=self.portfolio_id,
            product_id=self.product_id,
            # A name, not an ARN: whoever launches from a shared portfolio launches into their own account.
            local_role_name=LAUNCH_ROLE,
            description="Launches run with the launch role of the account they are made in",
        )
        constraint.node.add_dependency(association, launch_roles)
