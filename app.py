"""The CDK app. Makes no AWS call, so `cdk ls` and `cdk synth` need no credentials."""

from __future__ import annotations

import sys
from typing import Any

import aws_cdk as cdk

from catalog_stack.settings import REGION, Settings, SettingsError
from catalog_stack.stack import CatalogStack


def app(**options: Any) -> cdk.App:
    """Return the app with the catalog and, for a direct deployment, the product.

    Raises:
        SettingsError: the context or the region cannot be used.
    """
    app = cdk.App(**options)
    settings = Settings.from_context(app.node)
    CatalogStack(app, "CatalogStack", settings=settings, env=cdk.Environment(region=REGION))
    return app


if __name__ == "__main__":
    try:
        app().synth()
    except SettingsError as error:
        sys.exit(str(error))
