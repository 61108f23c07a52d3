"""KMS's API over HTTP: CreateKey and PutKeyPolicy check the key policy."""

from __future__ import annotations

from moto.core.exceptions import ServiceException
from moto.kms.responses import KmsResponse

from ..account import ACCOUNT_ID, REGION
from ..iam.trust import caller_of
from .key_policy import keeps_out, unknown_principals
from .models import find_key

# Stands for the ARN of a new key, which has no id yet, while its policy is checked.
_NEW_KEY = f"arn:aws:kms:{REGION}:{ACCOUNT_ID}:key/new"


class MalformedPolicyDocument(ServiceException):
    """KMS does not accept the key policy."""

    code = "MalformedPolicyDocumentException"


class LocalKMSResponse(KmsResponse):
    """Checks the parameter Policy of CreateKey and PutKeyPolicy."""

    def create_key(self) -> str:
        """Create a key, unless its policy locks the caller out."""
        self._check_policy(_NEW_KEY)
        return super().create_key()

    def put_key_policy(self) -> str:
        """Change a key's policy, unless the new one locks the caller out."""
        key = find_key(self._get_param("KeyId"))
        self._check_policy(key.arn if key else _NEW_KEY)
        return super().put_key_policy()

    def _check_policy(self, key_arn: str) -> None:
        policy = self._get_param("Policy")
        if policy is None:
            return
        if unknown_principals(policy):
            raise MalformedPolicyDocument("Policy contains a statement with one or more invalid principals.")
        if self._get_param("BypassPolicyLockoutSafetyCheck"):
            return
        if keeps_out(caller_of(self.headers.get("Authorization", "")), policy, key_arn):
            raise MalformedPolicyDocument(
                "The new key policy will not allow you to update the key policy in the future."
            )
