"""The roles of the stack and their policies."""

from __future__ import annotations

from product_template.launch_account import PERMISSIONS_BOUNDARY

from ..policy import Permission, allow, arn
from .tags import SUFFIXED

ROLES = arn("iam", "role/tapstack/*", region="")
_POLICIES = arn("iam", "policy/tapstack/*", region="")
# The boundary is outside the path of _POLICIES, so no stack can change it.
_BOUNDED = {
    "StringEquals": {"iam:PermissionsBoundary": arn("iam", f"policy/{PERMISSIONS_BOUNDARY}", region="")}
}
# Which service each role may be passed to, by the beginning of the role's name.
_SERVICES = {
    "empty-bucket": "lambda",
    "close-security-group": "lambda",
    "flow-log": "vpc-flow-logs",
    "monitoring": "monitoring.rds",
    "export-workflow": "states",
    "export-rule": "events",
}


def permissions() -> list[Permission]:
    """Return what CloudFormation needs for the roles of the stack.

    Whoever can change a stack can use all of these permissions, so they create roles, and attach policies to
    them, only with the boundary. IAM has no such condition for UpdateAssumeRolePolicy, but the boundary also
    limits whoever is let into a role by it.
    """
    return [
        allow(
            "iam",
            """
                DeleteRole GetRole GetRolePolicy ListAttachedRolePolicies ListRolePolicies ListRoleTags
                TagRole UntagRole UpdateAssumeRolePolicy UpdateRole UpdateRoleDescription
            """,
            on=ROLES,
            why=SUFFIXED,
        ),
        allow("iam", "CreateRole", on=ROLES, when=_BOUNDED, why=SUFFIXED),
        allow(
            "iam",
            "AttachRolePolicy DetachRolePolicy",
            on=ROLES,
            when={"ArnLike": {"iam:PolicyARN": _POLICIES}, **_BOUNDED},
            why=SUFFIXED,
        ),
        allow(
            "iam",
            """
                CreatePolicy CreatePolicyVersion DeletePolicy DeletePolicyVersion GetPolicy GetPolicyVersion
                ListEntitiesForPolicy ListPolicyVersions
            """,
            on=_POLICIES,
            why=SUFFIXED,
        ),
        *(
            allow(
                "iam",
                "PassRole",
                on=arn("iam", f"role/tapstack/{kind}-role-*", region=""),
                when={"StringEquals": {"iam:PassedToService": f"{service}.amazonaws.com"}},
                why=SUFFIXED,
            )
            for kind, service in _SERVICES.items()
        ),
    ]
