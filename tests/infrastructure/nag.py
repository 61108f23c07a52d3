"""What cdk-nag's rule packs say about the stacks of an app.

`python -m tests.infrastructure.nag` writes docs/acknowledgements.md.
"""

import json
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import aws_cdk as cdk
import cdk_nag

from product_template import tables
from product_template.tap_stack import TapStack

PACKS: dict[str, Callable[[cdk.App], Any]] = {
    "AwsSolutions": cdk_nag.AwsSolutionsChecks,
    "PCI.DSS.321": cdk_nag.PCIDSS321Checks,
    "NIST.800.53.R5": cdk_nag.NIST80053R5Checks,
    "HIPAA.Security": cdk_nag.HIPAASecurityChecks,
    "Serverless": cdk_nag.ServerlessChecks,
}
PAGE = tables.DOCS / "acknowledgements.md"


class Finding(NamedTuple):
    path: str
    rule: str


class Acknowledgement(NamedTuple):
    path: str
    rule: str
    reason: str


def findings(app: cdk.App) -> list[Finding]:
    """What the packs find in the app and nobody has acknowledged, warnings included. Synthesizes the app."""
    cdk.Validations.of(app).add_plugins(*(pack(app) for pack in PACKS.values()))
    report = Path(app.outdir) / "validation-report.json"
    try:
        app.synth()
    except Exception:  # jsii has no narrower class; without a report it is about something else
        if not report.exists():
            raise
    if not report.exists():
        return []
    return [
        Finding(construct["constructPath"], violation["ruleName"])
        for plugin in json.loads(report.read_text())["pluginReports"]
        for violation in plugin["violations"]
        for construct in violation["violatingConstructs"]
    ]


def acknowledgements(app: cdk.App) -> list[Acknowledgement]:
    """What the app's constructs acknowledge of these packs, in the order of their paths."""
    return sorted(
        Acknowledgement(construct.node.path, name.partition("::")[2], reason)
        for construct in app.node.find_all()
        for entry in construct.node.metadata
        if entry.type == cdk.Validations.ACKNOWLEDGED_RULES_METADATA_KEY
        for name, reason in entry.data.items()
        if name.partition("::")[0] in PACKS
    )


def tap_stack() -> cdk.App:
    """An app with TapStack as a version holds it."""
    app = cdk.App(analytics_reporting=False)
    TapStack(app, "TapStack", synthesizer=cdk.BootstraplessSynthesizer())
    return app


def page(*apps: cdk.App) -> str:
    """Return the text that docs/acknowledgements.md should have for these apps."""
    rules: dict[tuple[str, str], list[str]] = defaultdict(list)
    for app in apps:
        for one in acknowledgements(app):
            rules[one.path, one.reason].append(one.rule)
    rows = [
        [f"`{path}`", ", ".join(f"`{rule}`" for rule in found), reason]
        for (path, reason), found in rules.items()
    ]
    return tables.fill(PAGE, tables.table(["resource", "rules", "why the finding stays"], rows))


if __name__ == "__main__":
    PAGE.write_text(page(tap_stack()))
