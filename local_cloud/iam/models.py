"""IAM's roles and policies: a permissions boundary has to exist, and a policy in use can't be deleted."""

from __future__ import annotations

from copy import copy
from typing import Any, ClassVar

from moto.iam.exceptions import DeleteConflictException, NotFoundException
from moto.iam.models import IAMBackend, ManagedPolicy, Role

from ..moto_seam import Local


class LocalIAM(Local, IAMBackend):
    """IAM. It refuses, in its own words, requests that moto allows."""

    _policies_of_aws: ClassVar[dict[str, list[ManagedPolicy]]] = {}

    def _init_aws_policies(self) -> list[ManagedPolicy]:
        """Return AWS's own 1,500 policies. An account changes only how often each is attached."""
        if self.account_id not in self._policies_of_aws:
            self._policies_of_aws[self.account_id] = super()._init_aws_policies()
        return [copy(policy) for policy in self._policies_of_aws[self.account_id]]

    def get_roles(self) -> list[Role]:
        """Return a copy of the roles: every request iterates over it while other threads change them."""
        return list(self.roles.values())

    def create_role(
        self,
        role_name: str,
        assume_role_policy_document: str,
        path: str,
        permissions_boundary: str | None,
        *settings: Any,
        **named: Any,
    ) -> Role:
        """Create a role.

        Raises:
            NotFoundException: the policy for its boundary does not exist.
        """
        self._require_attachable(permissions_boundary)
        return super().create_role(
            role_name, assume_role_policy_document, path, permissions_boundary, *settings, **named
        )

    def put_role_permissions_boundary(self, role_name: str, permissions_boundary: str) -> None:
        """Give a role a permissions boundary.

        Raises:
            NotFoundException: there is no such policy.
        """
        self._require_attachable(permissions_boundary)
        super().put_role_permissions_boundary(role_name, permissions_boundary)

    def delete_policy(self, policy_arn: str) -> None:
        """Delete a managed policy.

        Raises:
            DeleteConflictException: a role has it as policy or boundary, or it has several versions.
        """
        policy = self.get_policy(policy_arn)
        bounded = any(role.permissions_boundary_arn == policy_arn for role in self.get_roles())
        if policy.attachment_count or bounded:
            raise DeleteConflictException("Cannot delete a policy attached to entities.")
        if len(policy.versions) > 1:
            raise DeleteConflictException(
                "This policy has more than one version. Before you delete a policy, you must delete the "
                "policy's versions. The default version is deleted with the policy."
            )
        super().delete_policy(policy_arn)

    def _require_attachable(self, policy_arn: str | None) -> None:
        if policy_arn and policy_arn not in self.managed_policies:
            raise NotFoundException(f"Scope ARN: {policy_arn} does not exist or is not attachable.")
