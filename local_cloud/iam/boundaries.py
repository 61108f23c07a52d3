"""Permissions boundaries: policies that have to be there, and stay as long as a role has them."""

from __future__ import annotations

from typing import Any

from moto.iam.exceptions import DeleteConflictException, NotFoundException
from moto.iam.models import IAMBackend, Role

from ..world import World


def install(world: World) -> None:
    """Refuse a boundary that does not exist, and the deletion of a policy that is in use, in IAM's words."""

    def create_role(
        self: IAMBackend,
        role_name: str,
        assume_role_policy_document: str,
        path: str,
        permissions_boundary: str | None,
        *others: Any,
        **named: Any,
    ) -> Role:
        _require_attachable(self, permissions_boundary)
        role: Role = original_create(
            self, role_name, assume_role_policy_document, path, permissions_boundary, *others, **named
        )
        return role

    def put_boundary(self: IAMBackend, role_name: str, permissions_boundary: str) -> None:
        _require_attachable(self, permissions_boundary)
        original_put(self, role_name, permissions_boundary)

    def delete_policy(self: IAMBackend, policy_arn: str) -> None:
        _require_unused(self, policy_arn)
        original_delete(self, policy_arn)

    original_create = world.patch(IAMBackend, "create_role", create_role)
    original_put = world.patch(IAMBackend, "put_role_permissions_boundary", put_boundary)
    original_delete = world.patch(IAMBackend, "delete_policy", delete_policy)


def _require_attachable(iam: IAMBackend, policy_arn: str | None) -> None:
    if policy_arn and policy_arn not in iam.managed_policies:
        raise NotFoundException(f"Scope ARN: {policy_arn} does not exist or is not attachable.")


def _require_unused(iam: IAMBackend, policy_arn: str) -> None:
    policy = iam.get_policy(policy_arn)
    roles = list(iam.roles.values())
    if policy.attachment_count or any(role.permissions_boundary_arn == policy_arn for role in roles):
        raise DeleteConflictException("Cannot delete a policy attached to entities.")
    if len(policy.versions) > 1:
        raise DeleteConflictException(
            "This policy has more than one version. Before you delete a policy, you must delete the policy's "
            "versions. The default version is deleted with the policy."
        )
