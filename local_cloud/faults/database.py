"""Faults of DB instances: states for which no test can wait."""

from __future__ import annotations

from collections.abc import Callable

from ..account import ACCOUNT_ID, REGION
from ..rds.models import backend


class DatabaseFaults:
    """The faults of DB instances."""

    def __init__(self) -> None:
        self._free: dict[str, int] = {}
        self._failing_upgrades: set[str] = set()
        self._undo: list[Callable[[], None]] = []

    def set_status(self, instance: str, status: str) -> None:
        """Put an instance into a status, such as "maintenance" or "storage-full", until `clear`."""
        database = backend().instance(instance)
        before, database.status = database.status, status
        if status == "storage-full":
            backend().record(database, "RDS-EVENT-0007")

        def restore() -> None:
            if database.status == status:
                database.status = before

        self._undo.append(restore)

    def set_free_storage(self, instance: str, free: int) -> None:
        """Let the instance publish so many bytes as FreeStorageSpace, until `clear`."""
        self._free[instance] = free
        database = backend().instance(instance)
        provisioned = database.allocated_storage * 2**30
        if free < provisioned / 10:  # "has consumed more than 90% of its allocated storage"
            backend().record(
                database, "RDS-EVENT-0089", name=instance, percentage=100 * free // provisioned,
                provisioned=provisioned / 2**30, free=free / 2**30,
            )  # fmt: skip

    def free_storage(self, instance: str) -> int | None:
        """Return the bytes that a test has set, or None."""
        return self._free.get(instance)

    def back_up_continuously(self, instance: str) -> str:
        """Put an instance into a continuous backup plan, until `clear`. Returns the recovery point's ARN."""
        database = backend().instance(instance)
        found = f"continuous:{database.dbi_resource_id.lower()}-0a1b2c3d"
        arn = f"arn:aws:backup:{REGION}:{ACCOUNT_ID}:recovery-point:{found}"
        database.aws_backup_recovery_point_arn = arn
        self._undo.append(lambda: setattr(database, "aws_backup_recovery_point_arn", None))
        return arn

    def fail_upgrade(self, instance: str) -> None:
        """Make the instance's next upgrade fail after it has begun, as when the pre-check fails."""
        self._failing_upgrades.add(instance)

    def takes_upgrade(self, instance: str) -> bool:
        """Say whether the upgrade that ends now succeeds. A fault meets one upgrade."""
        fails = instance in self._failing_upgrades
        self._failing_upgrades.discard(instance)
        return not fails

    def clear(self) -> None:
        """Remove all faults. An instance gets back the status from before `set_status`."""
        for restore in reversed(self._undo):
            restore()
        self._undo.clear()
        self._free.clear()
        self._failing_upgrades.clear()
