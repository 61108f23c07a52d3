"""What cdk-nag's rule packs say about the stacks of an app.

`python -m tests.infrastructure.nag` prints the findings that nobody has acknowledged.
"""

import json
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import aws_cdk as cdk
import cdk_nag

from app import build
from product_template.releasing import tables
from product_template.tap_stack import TapStack

PACKS: dict[str, Callable[[cdk.App], Any]] = {
    "AwsSolutions": cdk_nag.AwsSolutionsChecks,
    "PCI.DSS.321": cdk_nag.PCIDSS321Checks,
    "NIST.800.53.R5": cdk_nag.NIST80053R5Checks,
    "HIPAA.Security": cdk_nag.HIPAASecurityChecks,
    "Serverless": cdk_nag.ServerlessChecks,
}
ROOT = Path(__file__).parents[2]


class Finding(NamedTuple):
    path: str
    rule: str


class Acknowledgement(NamedTuple):
    path: str
    rule: str
    reason: str


def findings(app: cdk.App) -> list[Finding]:
    """Synthesize the app, and return what the packs find and nobody has acknowledged, warnings included."""
    cdk.Validations.of(app).add_plugins(*(pack(app) for pack in PACKS.values()))
    report = Path(app.outdir) / "validation-report.json"
    try:
        app.synth()
    except Exception:  # jsii has no narrower class. Without a report, the cause is not a finding.
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


def catalog() -> cdk.App:
    """The app with everything that a setting can add, without bundling the functions' code."""
    flags = json.loads((ROOT / "cdk.json").read_text())["context"]
    settings = {
        "aws:cdk:bundling-stacks": [],
        "catalog:hubAccount": "111122223333",
        "catalog:provisioningAccounts": ["444455556666"],
        "catalog:principals": ["arn:aws:iam:::role/Team*"],
        "catalog:alarmEmail": "platform@example.com",
    }
    return build(context=flags | settings)


def table(*apps: cdk.App) -> str:
    """Return the table of what these apps acknowledge, for docs/audit/acknowledgements.md."""
    rules: dict[tuple[str, str], list[str]] = defaultdict(list)
    for app in apps:
        for one in acknowledgements(app):
            rules[one.path, one.reason].append(one.rule)
    rows = [
        [f"`{path}`", ", ".join(f"`{rule}`" for rule in found), reason]
        for (path, reason), found in rules.items()
    ]
    return tables.table(["resource", "rules", "why the finding stays"], rows)


def main() -> int:
    """Print the findings. Return how many of them nobody has acknowledged."""
    unexplained = 0
    for app in (tap_stack(), catalog()):
        found = findings(app)
        unexplained += len(found)
        stacks = ", ".join(child.node.id for child in app.node.children if isinstance(child, cdk.Stack))
        explained = len(acknowledgements(app))
        print(
            f"{stacks}: {len(found)} unexplained findings of {len(PACKS)} rule packs, {explained} explained"
        )
        for finding in found:
            print(f"  {finding.rule} {finding.path}")
    return unexplained


if __name__ == "__main__":
    sys.exit(main())
