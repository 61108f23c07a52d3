"""The state machine that exports snapshots, and the rule that starts it."""

from __future__ import annotations

from ..policy import Permission, allow, arn
from .tags import SUFFIXED

EXPORT_WORKFLOW = arn("states", "stateMachine:export-workflow-*")
EXPORT_RULE = arn("events", "rule/export-rule-*")


def permissions() -> list[Permission]:
    """Return what CloudFormation needs for exports."""
    return [
        allow(
            "states",
            """
                CreateStateMachine DeleteStateMachine DescribeStateMachine ListTagsForResource TagResource
                UntagResource UpdateStateMachine
            """,
            on=EXPORT_WORKFLOW,
            why=SUFFIXED,
        ),
        allow(
            "events",
            """
                DeleteRule DescribeRule ListTagsForResource ListTargetsByRule PutRule PutTargets
                RemoveTargets TagResource UntagResource
            """,
            on=EXPORT_RULE,
            why=SUFFIXED,
        ),
    ]
