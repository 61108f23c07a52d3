"""KMS's keys, and which of their tags and aliases count for authorization already."""

from __future__ import annotations

import time

from moto.kms.models import Alias, Key, KmsBackend, kms_backends

from ..moto_seam import Local, running

# AWS seconds. "It might take up to five minutes" (KMS Developer Guide, "ABAC for AWS KMS").
CHANGES_COUNT_AFTER = 300


class LocalKMS(Local, KmsBackend):
    """KMS. It lists tags and aliases at once, but they count for authorization later."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        # Key id -> its changes, oldest first: when each was made, and the condition keys before it.
        self._changes: dict[str, list[tuple[float, dict[str, str]]]] = {}

    def create_key(
        self,
        policy: str | None,
        key_usage: str,
        key_spec: str,
        description: str,
        tags: list[dict[str, str]] | None,
        multi_region: bool = False,
        origin: str = "AWS_KMS",
    ) -> Key:
        """Create a key. Its tags count as late as tags added afterwards."""
        key = super().create_key(policy, key_usage, key_spec, description, None, multi_region, origin)
        self.tag_resource(key.id, {tag["TagKey"]: tag["TagValue"] for tag in tags or []})
        return key

    def tag_resource(self, arn: str, tags: dict[str, str]) -> None:
        """Add or change tags."""
        self._note_change(arn)
        super().tag_resource(arn, tags)

    def untag_resource(self, arn: str, tag_keys: list[str]) -> None:
        """Remove tags."""
        self._note_change(arn)
        super().untag_resource(arn, tag_keys)

    def create_alias(self, target_key_id: str, alias_name: str) -> Alias:
        """Give a key an alias."""
        self._note_change(target_key_id)
        return super().create_alias(target_key_id, alias_name)

    def update_alias(self, target_key_id: str, alias_name: str) -> Alias:
        """Move an alias to another key."""
        self._note_change(self.any_id_to_key_id(alias_name))
        self._note_change(target_key_id)
        return super().update_alias(target_key_id, alias_name)

    def delete_alias(self, alias_name: str) -> None:
        """Delete an alias."""
        self._note_change(self.any_id_to_key_id(alias_name))
        super().delete_alias(alias_name)

    def _note_change(self, key: str) -> None:
        key_id = self.get_key_id(key)
        self._changes.setdefault(key_id, []).append((time.monotonic(), self._context(key_id)))

    def context_that_counts(self, key_id: str) -> dict[str, str]:
        """Return aws:ResourceTag/… and kms:ResourceAliases of a key, as they were five minutes ago."""
        counting_since = time.monotonic() - self.clock.seconds(CHANGES_COUNT_AFTER)
        before = (context for changed, context in self._changes.get(key_id, []) if changed > counting_since)
        return next(before, self._context(key_id))

    def _context(self, key_id: str) -> dict[str, str]:
        tags = self.tagger.get_tag_dict_for_resource(key_id)
        context = {f"aws:ResourceTag/{key}": str(value) for key, value in tags.items()}
        if key_id in self.keys and (aliases := self.keys[key_id].aliases):
            context["kms:ResourceAliases"] = ",".join(sorted(aliases))
        return context


def backend() -> LocalKMS:
    """Return the KMS of the running local cloud."""
    return running(kms_backends, LocalKMS)


def find_key(name: str) -> Key | None:
    """Return the key that an id, an ARN or an alias names."""
    keys = backend()
    return keys.keys.get(keys.any_id_to_key_id(name))
