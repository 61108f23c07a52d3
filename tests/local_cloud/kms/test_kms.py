"""KMS: whom a key policy lets in, when tags and aliases of keys count, and who would lock themselves out."""

import itertools
import math
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_cloud.kms import models as kms_models
from tests.support.account import ACCOUNT, Account, allow, document, eventually, refusal

ROLES = itertools.count()
OURS = {"StringEquals": {"aws:ResourceTag/team": "payments"}}
LOCKED_OUT = (
    "MalformedPolicyDocumentException: "
    "The new key policy will not allow you to update the key policy in the future."
)
TO_THE_ACCOUNT = allow("kms:*") | {"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}
TAGS = [{"TagKey": "team", "TagValue": "payments"}]


class Role:
    """A role, and KMS as it sees it."""

    def __init__(self, account: Account, *statements: dict[str, Any]) -> None:
        self.arn = account.role(f"of-keys-{next(ROLES)}", "cloudformation.amazonaws.com", *statements)
        identity = account.cloud.identity
        self.kms = identity.client("kms", self.arn, principal="cloudformation.amazonaws.com")

    def granted(self, *actions: str, name: str = "", when: dict[str, Any] | None = None) -> dict[str, Any]:
        """A key policy's statement for the role: `*` under aws:PrincipalArn, or as the principal `name`."""
        by_arn = {"ArnEquals": {"aws:PrincipalArn": self.arn}}
        return {
            "Effect": "Allow",
            "Principal": {"AWS": name or "*"},
            "Action": list(actions),
            "Resource": "*",
            "Condition": (when or {}) if name else by_arn | (when or {}),
        }


@pytest.fixture
def role(account: Account) -> Role:
    return Role(account, allow("kms:CreateKey", "kms:TagResource"))


def key_of(account: Account, *statements: dict[str, Any], **more: Any) -> str:
    """A key that the administrator made, with a policy."""
    made = account.client("kms").create_key(Policy=document(TO_THE_ACCOUNT, *statements), **more)
    return str(made["KeyMetadata"]["KeyId"])


class TestLockout:
    def test_a_key_policy_that_leaves_it_to_iam_locks_out_who_has_no_right_there(self, role: Role) -> None:
        assert refusal(role.kms.create_key, Policy=document(TO_THE_ACCOUNT)) == LOCKED_OUT

    def test_the_right_may_come_from_iam(self, account: Account) -> None:
        may = Role(account, allow("kms:CreateKey", "kms:PutKeyPolicy"))
        assert may.kms.create_key(Policy=document(TO_THE_ACCOUNT))["KeyMetadata"]["Enabled"]

    @pytest.mark.parametrize(
        "when",
        [
            OURS,
            {"StringEquals": {"aws:RequestTag/team": "payments"}},
            {"StringEquals": {"kms:ViaService": "cloudformation.us-east-1.amazonaws.com"}},
        ],
    )
    def test_a_right_under_the_tag_that_the_key_is_given_or_a_service_does_not_count(
        self, account: Account, when: dict[str, Any]
    ) -> None:
        may = Role(account, allow("kms:CreateKey", "kms:TagResource"), allow("kms:*") | {"Condition": when})
        assert refusal(may.kms.create_key, Policy=document(TO_THE_ACCOUNT), Tags=TAGS) == LOCKED_OUT
        in_the_policy = may.granted("kms:PutKeyPolicy", when=when)
        assert (
            refusal(role_without_more(account).kms.create_key, Policy=document(in_the_policy)) == LOCKED_OUT
        )

    def test_the_key_policy_may_name_the_role_or_its_arn_in_a_condition(self, role: Role) -> None:
        for statement in (role.granted("kms:PutKeyPolicy"), role.granted("kms:PutKeyPolicy", name=role.arn)):
            assert role.kms.create_key(Policy=document(statement))["KeyMetadata"]["Enabled"]

    def test_the_account_under_a_condition_on_the_role_leaves_it_to_iam_all_the_same(
        self, role: Role
    ) -> None:
        of_account = role.granted("kms:*") | {"Principal": TO_THE_ACCOUNT["Principal"]}
        assert refusal(role.kms.create_key, Policy=document(of_account)) == LOCKED_OUT

    def test_a_later_policy_is_checked_too(self, role: Role) -> None:
        mine = role.granted("kms:PutKeyPolicy")
        key = role.kms.create_key(Policy=document(mine))["KeyMetadata"]["KeyId"]
        named = {"KeyId": key, "PolicyName": "default"}
        assert refusal(role.kms.put_key_policy, **named, Policy=document(TO_THE_ACCOUNT)) == LOCKED_OUT
        role.kms.put_key_policy(**named, Policy=document(mine, TO_THE_ACCOUNT))
        role.kms.put_key_policy(**named, Policy=document(TO_THE_ACCOUNT), BypassPolicyLockoutSafetyCheck=True)

    def test_a_principal_has_to_exist(self, role: Role) -> None:
        nobody = role.granted("kms:Decrypt", name=f"arn:aws:iam::{ACCOUNT}:role/nobody")
        refused = refusal(role.kms.create_key, Policy=document(role.granted("kms:*"), nobody))
        assert refused.startswith("MalformedPolicyDocumentException: Policy contains a statement with one or")


def role_without_more(account: Account) -> Role:
    return Role(account, allow("kms:CreateKey"))


class TestKeyPolicies:
    def test_a_key_policy_lets_in_a_role_that_iam_does_not(self, account: Account, role: Role) -> None:
        key = key_of(account, role.granted("kms:DisableKey"))
        role.kms.disable_key(KeyId=key)
        assert "not authorized to perform: kms:EnableKey" in refusal(role.kms.enable_key, KeyId=key)

    def test_iam_lets_nobody_in_where_the_key_policy_does_not_leave_it_to_iam(self, account: Account) -> None:
        owner, other = Role(account, allow("kms:CreateKey")), Role(account, allow("kms:*"))
        key = owner.kms.create_key(Policy=document(owner.granted("kms:*")))["KeyMetadata"]["KeyId"]
        assert "AccessDenied" in refusal(other.kms.disable_key, KeyId=key)
        owner.kms.disable_key(KeyId=key)

    def test_a_denial_in_the_key_policy_outdoes_iam(self, account: Account) -> None:
        may = Role(account, allow("kms:*"))
        key = key_of(account, may.granted("kms:DisableKey") | {"Effect": "Deny"})
        assert "AccessDenied" in refusal(may.kms.disable_key, KeyId=key)
        may.kms.enable_key(KeyId=key)

    def test_an_alias_asks_for_the_key_it_gets_and_for_the_one_it_had(self, account: Account) -> None:
        may = Role(account, allow("kms:*Alias", resource=f"arn:aws:kms:us-east-1:{ACCOUNT}:alias/*"))
        mine, foreign = key_of(account, may.granted("kms:*Alias")), key_of(account)
        may.kms.create_alias(AliasName="alias/of-role", TargetKeyId=mine)
        refused = refusal(may.kms.update_alias, AliasName="alias/of-role", TargetKeyId=foreign)
        assert f"key/{foreign}" in refused
        account.client("kms").create_alias(AliasName="alias/foreign", TargetKeyId=foreign)
        refused = refusal(may.kms.update_alias, AliasName="alias/foreign", TargetKeyId=mine)
        assert f"key/{foreign}" in refused


class TestTagsAndAliases:
    """Five minutes are 0.3 s with this module's clock."""

    def test_tags_count_some_minutes_after_the_key_was_made_with_them(self, account: Account) -> None:
        may = Role(
            account, allow("kms:CreateKey", "kms:TagResource"), allow("kms:DisableKey") | {"Condition": OURS}
        )
        key = key_of(account, Tags=TAGS)
        assert "AccessDenied" in refusal(may.kms.disable_key, KeyId=key)
        assert account.client("kms").list_resource_tags(KeyId=key)["Tags"] == TAGS
        eventually(lambda: succeeds(may.kms.disable_key, key))

    def test_a_removed_tag_counts_as_long(self, account: Account) -> None:
        may = Role(account, allow("kms:DescribeKey") | {"Condition": OURS})
        key = key_of(account, Tags=TAGS)
        eventually(lambda: succeeds(may.kms.describe_key, key))
        account.client("kms").untag_resource(KeyId=key, TagKeys=["team"])
        may.kms.describe_key(KeyId=key)
        eventually(lambda: not succeeds(may.kms.describe_key, key))

    def test_an_alias_counts_for_the_key_that_has_it_and_as_much_later(
        self, account: Account, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        named = {"ForAnyValue:StringLike": {"kms:ResourceAliases": "alias/counts-*"}}
        may = Role(account, allow("kms:DescribeKey") | {"Condition": named})
        key, other, administrator = key_of(account), key_of(account), account.client("kms")

        # WHEN a key was given the alias just now, beside another one
        monkeypatch.setattr(kms_models, "CHANGES_COUNT_AFTER", math.inf)
        administrator.create_alias(AliasName="alias/another", TargetKeyId=key)
        administrator.create_alias(AliasName="alias/counts-later", TargetKeyId=key)
        assert not succeeds(may.kms.describe_key, key)

        # WHEN the minutes are over
        monkeypatch.setattr(kms_models, "CHANGES_COUNT_AFTER", 0)
        assert succeeds(may.kms.describe_key, key)

        # WHEN another key has it now, and later none
        administrator.update_alias(AliasName="alias/counts-later", TargetKeyId=other)
        assert not succeeds(may.kms.describe_key, key)
        assert succeeds(may.kms.describe_key, other)
        administrator.delete_alias(AliasName="alias/counts-later")
        assert not succeeds(may.kms.describe_key, other)


def succeeds(call: Any, key: str) -> bool:
    try:
        call(KeyId=key)
    except ClientError as refused:
        if refused.response["Error"]["Code"] == "AccessDeniedException":
            return False
        raise
    return True
