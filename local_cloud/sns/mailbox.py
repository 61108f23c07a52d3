"""The mailbox: the mails of SNS to all addresses. None leaves the machine."""

from __future__ import annotations

import json
import threading
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime


@dataclass(frozen=True)
class Mail:
    """A mail.

    Attributes:
        to: the receiver's address.
        subject: its subject.
        body: its text.
        todo: the command that does what the mail asks for; empty if it asks for nothing.
        received: when it arrived, in UTC.
    """

    to: str
    subject: str
    body: str
    todo: str = ""
    received: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))


class Mailbox:
    """All mails, oldest first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._mails: list[Mail] = []

    def deliver(self, mail: Mail) -> None:
        """Add a mail."""
        with self._lock:
            self._mails.append(mail)

    def to(self, address: str) -> list[Mail]:
        """Return the mails to an address."""
        return [mail for mail in self.all() if mail.to == address]

    def all(self) -> list[Mail]:
        """Return all mails."""
        with self._lock:
            return list(self._mails)

    def page(self) -> str:
        """Return all mails as JSON, laid out for people."""
        return json.dumps([asdict(mail) for mail in self.all()], indent=2, ensure_ascii=False) + "\n"
