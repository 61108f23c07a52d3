"""Secrets that a service manages: what their rotation does, and what nobody else may do with them.

Sources: Secrets Manager User Guide, "Managed rotation for AWS Secrets Manager secrets" and "Schedule
expressions in Secrets Manager rotation"; Secrets Manager API Reference, RotateSecret. What describe-secret
shows of such a secret is from a live check in floci-io/floci, pull request 2378.
"""

from __future__ import annotations

import re
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

from moto.secretsmanager.exceptions import InvalidParameterException, InvalidRequestException
from moto.secretsmanager.models import FakeSecret, SecretsManagerBackend, secretsmanager_backends

from ...moto_seam import Local, running

_HOUR, _DAY = 3600, 24 * 3600
_IMMEDIATE = 60  # AWS seconds; "typically completes within one minute"
_RATE = re.compile(r"rate\((\d+) (hours?|days?)\)")


class ManagedSecret(FakeSecret):
    """A secret that a service makes, rotates and deletes.

    Attributes:
        rules: RotationRules.
        rotate: lets the owning service rotate it. Called in a thread of its own.
    """

    def __init__(self, *arguments: Any, rotate: Callable[[], None], **values: Any) -> None:
        super().__init__(*arguments, **values)
        self.rules: dict[str, Any] = {"AutomaticallyAfterDays": 7}
        self.rotate = rotate
        self._next: threading.Timer | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return what DescribeSecret shows."""
        shown = super().to_dict() | {"RotationEnabled": True, "RotationRules": self.rules}
        if self.last_rotation_date:
            shown["LastRotatedDate"] = self.last_rotation_date
        return shown

    def renew(self, value: str) -> None:
        """Make a new value AWSCURRENT, and the present one AWSPREVIOUS."""
        version = str(uuid.uuid4())
        now = int(time.time())
        stages = {"createdate": now, "version_id": version, "version_stages": ["AWSCURRENT"]}
        self.reset_default_version(stages | {"secret_string": value}, version)
        # Secrets Manager soon deletes a version that no label names.
        self.versions = {key: one for key, one in self.versions.items() if one["version_stages"]}
        self.last_changed_date = self.last_rotation_date = now

    def rotate_after(self, seconds: float) -> None:
        """Let the service rotate it after real seconds, and not when it would have done so."""
        self.never_rotate()
        self.next_rotation_date = int(time.time() + seconds)
        self._next = threading.Timer(seconds, self.rotate)
        self._next.daemon = True
        self._next.start()

    def never_rotate(self) -> None:
        """Forget the next rotation."""
        if self._next:
            self._next.cancel()


class LocalSecretsManager(Local, SecretsManagerBackend):
    """Secrets Manager, with secrets that services manage."""

    def stop(self) -> None:
        """End the waits for rotations."""
        super().stop()
        for secret in list(self.secrets.values()):
            if isinstance(secret, ManagedSecret):
                secret.never_rotate()

    def manage(self, service: str, secret_id: str, value: str, **more: Any) -> ManagedSecret:
        """Create a secret that a service owns.

        Args:
            service: the service.
            secret_id: the name.
            value: the first value.
            more: `rotate`, as ManagedSecret takes it, and the description, tags and key of the secret.
        """
        version, now = str(uuid.uuid4()), int(time.time())
        owner = {"Key": "aws:secretsmanager:owningService", "Value": service}
        more["kms_key_id"] = more.get("kms_key_id") or self.DEFAULT_KMS_KEY_ALIAS
        secret = ManagedSecret(
            self.account_id,
            self.region_name,
            secret_id,
            {
                "createdate": now,
                "version_id": version,
                "version_stages": ["AWSCURRENT"],
                "secret_string": value,
            },
            version,
            secret_string=value,
            last_changed_date=now,
            created_date=now,
            **more | {"tags": [*more["tags"], owner]},
        )
        self.secrets[secret_id] = secret
        self.schedule(secret)
        return secret

    def schedule(self, secret: ManagedSecret) -> None:
        """Let the next rotation come when the rules say."""
        secret.rotate_after(self.clock.seconds(_period(secret.rules)))

    def remove(self, secret: ManagedSecret) -> None:
        """Delete a secret at once, as its service does with it."""
        secret.never_rotate()
        self.secrets.pop(secret.secret_id)

    def rotate_secret(
        self,
        secret_id: str,
        client_request_token: str | None = None,
        rotation_lambda_arn: str | None = None,
        rotation_rules: dict[str, Any] | None = None,
        rotate_immediately: bool = True,
    ) -> str:
        """Rotate a secret or change its schedule. A managed one has no function."""
        secret = self.secrets.get(secret_id)
        if not isinstance(secret, ManagedSecret):
            return super().rotate_secret(
                secret_id, client_request_token, rotation_lambda_arn, rotation_rules, rotate_immediately
            )
        if rotation_lambda_arn:
            raise _refused()
        if rotation_rules:
            _period(rotation_rules)
            secret.rules = rotation_rules
        if rotate_immediately:
            secret.rotate_after(self.clock.seconds(_IMMEDIATE))
        else:
            self.schedule(secret)
        return secret.to_short_dict()

    def cancel_rotate_secret(self, secret_id: str) -> str:
        """Switch the rotation of a secret off."""
        if isinstance(self.secrets.get(secret_id), ManagedSecret):
            raise NotImplementedError("switching off the rotation of a secret that RDS manages")
        return super().cancel_rotate_secret(secret_id)

    def put_secret_value(self, secret_id: str, *arguments: Any, **values: Any) -> str:
        """Store a value, unless a service manages the secret."""
        self._check(secret_id)
        return super().put_secret_value(secret_id, *arguments, **values)

    def update_secret(self, secret_id: str, *arguments: Any, **values: Any) -> str:
        """Change a secret, unless a service manages it."""
        self._check(secret_id)
        return super().update_secret(secret_id, *arguments, **values)

    def delete_secret(self, secret_id: str, *arguments: Any, **values: Any) -> tuple[str, str, float]:
        """Delete a secret, unless a service manages it."""
        self._check(secret_id)
        return super().delete_secret(secret_id, *arguments, **values)

    def update_secret_version_stage(self, secret_id: str, *arguments: Any, **values: Any) -> tuple[str, str]:
        """Move a label between versions, unless a service manages the secret."""
        self._check(secret_id)
        return super().update_secret_version_stage(secret_id, *arguments, **values)

    def tag_resource(self, arn: str, tags: dict[str, str]) -> None:
        """Tag a secret, unless a service manages it (cloud-custodian, issue 11035)."""
        self._check(arn)
        super().tag_resource(arn, tags)

    def untag_resource(self, arn: str, tag_keys: list[str]) -> None:
        """Remove tags of a secret, unless a service manages it."""
        self._check(arn)
        super().untag_resource(arn, tag_keys)

    def _check(self, secret_id: str) -> None:
        if isinstance(self.secrets.get(secret_id), ManagedSecret):
            raise _refused()


def backend() -> LocalSecretsManager:
    """Return the Secrets Manager of the running local cloud."""
    return running(secretsmanager_backends, LocalSecretsManager)


def _refused() -> InvalidRequestException:
    return InvalidRequestException(
        "The secret is managed by another service, and you must use that service to update it."
    )


def _period(rules: dict[str, Any]) -> float:
    """Return the AWS seconds between rotations."""
    days, expression = rules.get("AutomaticallyAfterDays"), rules.get("ScheduleExpression")
    if (days is None) == (expression is None):
        raise InvalidParameterException(
            "RotationRules must have either AutomaticallyAfterDays or ScheduleExpression."
        )
    if days is not None:
        seconds = days * _DAY
    else:
        found = _RATE.fullmatch(str(expression))
        if not found:
            raise NotImplementedError(f"the rotation schedule {expression}; only rate(…) is emulated")
        seconds = int(found[1]) * (_HOUR if found[2].startswith("hour") else _DAY)
    if not 4 * _HOUR <= seconds <= 1000 * _DAY:
        raise InvalidParameterException(
            "A secret rotates every 4 hours at most and every 1000 days at least."
        )
    return float(seconds)
