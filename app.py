"""The CDK app. It makes no AWS call, so `cdk ls` and `cdk synth` work without credentials."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import aws_cdk as cdk

from catalog_stack.permissions.execution_role.tags import TRACER_TAG
from catalog_stack.permissions.launch_roles import LaunchRoles
from catalog_stack.settings import REGION, Settings, SettingsError
from catalog_stack.stack import CatalogStack
from product_template.releasing import released_versions
from product_template.tap_stack import TapStack


def build(*, versions: Path = released_versions.DIRECTORY, **options: Any) -> cdk.App:
    """Return the app: the catalog, and what the context asks for.

    Args:
        versions: the directory of the versions that the catalog offers.
        **options: those of `aws_cdk.App`.

    Raises:
        SettingsError: the context or the region cannot be used.
    """
    app = cdk.App(**options)
    settings = Settings.from_context(app.node, versions=versions)
    env = cdk.Environment(region=REGION)
    CatalogStack(app, "CatalogStack", settings=settings, versions=versions, env=env)

    # For an account without the catalog: the roles alone, trusting the engine's account.
    if settings.hub_account:
        LaunchRoles(cdk.Stack(app, "LaunchRoles", env=env), "Roles", hub_account=settings.hub_account)

    # A TapStack without the catalog, for work on the product itself. It has the engine's tag, or else its
    # boundary would keep exports from their key.
    if suffix := app.node.try_get_context("environmentSuffix"):
        TapStack(app, "TapStack", environment_suffix=suffix, tags={TRACER_TAG: "pp-without-catalog"})
    return app


if __name__ == "__main__":
    try:
        build().synth()
    except SettingsError as error:
        sys.exit(str(error))
