"""Putting the databases of a cloud into states that a test cannot wait for."""

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

        def restore() -> None:
            if database.status == status:
                database.status = before

        self._undo.append(restore)

    def set_free_storage(self, instance: str, free: int) -> None:
        """Let the instance report so many bytes as FreeStorageSpace."""
        self._free[instance] = free

    def free_storage(self, instance: str) -> int | None:
        """Return the bytes that a test has set; None if there is nothing the matter."""
        return self._free.get(instance)

    def back_up_continuously(self, instance: str) -> str:
        """Put an instance into a plan of AWS Backup, until `clear`; returns the recovery point's ARN."""
        database = backend().instance(instance)
        found = f"continuous:{database.dbi_resource_id.lower()}-0a1b2c3d"
        arn = f"arn:aws:backup:{REGION}:{ACCOUNT_ID}:recovery-point:{found}"
        database.aws_backup_recovery_point_arn = arn
        self._undo.append(lambda: setattr(database, "aws_backup_recovery_point_arn", None))
        return arn

    def fail_upgrade(self, instance: str) -> None:
        """Let RDS begin the instance's next upgrade and give it up, as after an unsuccessful pre-check."""
        self._failing_upgrades.add(instance)

    def takes_upgrade(self, instance: str) -> bool:
        """Whether the upgrade that is ending now succeeds; a fault meets one upgrade."""
        fails = instance in self._failing_upgrades
        self._failing_upgrades.discard(instance)
        return not fails

    def clear(self) -> None:
        """Forget all faults; an instance that is in a status set here goes back to the one it had."""
        for restore in reversed(self._undo):
            restore()
        self._undo.clear()
        self._free.clear()
        self._failing_upgrades.clear()
