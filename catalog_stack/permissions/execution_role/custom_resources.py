"""The functions behind custom resources."""

from __future__ import annotations

from ..policy import Permission, allow, arn
from .tags import SUFFIXED

FUNCTIONS = [
    arn("lambda", f"function:{kind}-function-*") for kind in ("empty-bucket", "close-security-group")
]


def permissions() -> list[Permission]:
    """Return what CloudFormation needs for the functions. It also invokes them."""
    return [
        allow(
            "lambda",
            """
                CreateFunction DeleteFunction GetFunction GetFunctionCodeSigningConfig
                GetFunctionRecursionConfig GetFunctionScalingConfig GetRuntimeManagementConfig
                InvokeFunction ListTags TagResource UntagResource UpdateFunctionCode
                UpdateFunctionConfiguration
            """,
            on=FUNCTIONS,
            why=SUFFIXED,
        ),
    ]
