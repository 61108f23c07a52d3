"""Another key of the account stays out of reach: untagged, tagged as a TapStack's, imported into a stack.

The local CloudFormation imports nothing. For and after an import, CloudFormation reads, changes and deletes a
key by the handlers of AWS::KMS::Key, with the execution role; what these ask for is judged here.
"""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.privilege.life import Keys, Lives, Request
from tests.privilege.simulator import judge
from tests.privilege.synthesized import handlers_of
from tests.privilege.test_lives import given_by_keys

ACCOUNT = "123456789012"
EXECUTION_ROLE = f"arn:aws:iam::{ACCOUNT}:role/TapStackExecution"
LAUNCH_ROLE = f"arn:aws:iam::{ACCOUNT}:role/SCLaunch-TapStack"
FOREIGN = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/0f0e1d2c-3b4a-5968-7786-95a4b3c2d1e0"
TAG = "tapstack:provisioned-product-id"
CONTEXTS: tuple[dict[str, str], ...] = (
    {},
    {f"aws:ResourceTag/{TAG}": "pp-foreign"},
    {f"aws:RequestTag/{TAG}": "pp-foreign"},
)
SERVICES = ("", "cloudformation", "rds", "secretsmanager", "sns")
# CreateKey needs it (permissions/execution_role/database.py), and no permission depends on the tag.
IN_REACH = {(EXECUTION_ROLE, "kms:TagResource")}


def handled(*handlers: str) -> set[str]:
    """What handlers of AWS::KMS::Key ask for."""
    [asked] = handlers_of({"AWS::KMS::Key"}).values()
    return {action for handler in handlers for action in asked[handler]}


def requests_about(key: str, actions: set[str]) -> list[Request]:
    """Each action by each role, under whatever tags, alone or by way of a service."""
    return [
        Request(role, action, key, tuple(sorted((context | via).items())))
        for role in (EXECUTION_ROLE, LAUNCH_ROLE)
        for action in sorted(actions)
        for context in CONTEXTS
        for service in SERVICES
        for via in ({"kms:ViaService": f"{service}.us-east-1.amazonaws.com"} if service else {},)
    ]


def allowed(lived: Lives, keys: Keys, requests: list[Request]) -> set[tuple[str, str]]:
    verdicts = judge(lived.policies, lived.boundaries, keys, requests)
    assert not [verdict for verdict in verdicts.values() if verdict.error]
    return {(one.role, one.action) for one, verdict in verdicts.items() if verdict.allowed}


def given_for_a_key(lived: Lives) -> set[str]:
    """All that the roles may do with a key of the product."""
    return {
        action
        for policies in given_by_keys(lived).values()
        for policy in policies
        for statement in policy["Statement"]
        for action in statement["Action"]
    }


def test_an_imported_key_can_be_neither_read_nor_changed_nor_deleted(lived: Lives) -> None:
    asked = handled("read", "update", "delete")
    assert {"kms:DescribeKey", "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion"} <= asked
    assert allowed(lived, {}, requests_about(FOREIGN, asked)) == IN_REACH


def test_whatever_the_roles_may_do_with_a_key_of_the_product_they_may_not_do_with_another(
    lived: Lives,
) -> None:
    given = given_for_a_key(lived)
    assert {"kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "kms:DisableKey", "kms:Decrypt"} <= given
    assert allowed(lived, {}, requests_about(FOREIGN, given)) == IN_REACH


def test_it_is_the_key_policy_that_makes_the_difference(lived: Lives) -> None:
    """The product's key policy allows the same requests; without this, the tests above prove nothing."""
    [policy, *_] = [policy for policy in lived.keys.values() if EXECUTION_ROLE in json.dumps(policy)]
    given = given_for_a_key(lived)
    may = allowed(lived, {FOREIGN: policy}, requests_about(FOREIGN, given))
    assert {action for role, action in may if role == EXECUTION_ROLE} == given
    assert {action for role, action in may if role == LAUNCH_ROLE} == {
        "kms:Decrypt", "kms:GenerateDataKey", "kms:TagResource", "kms:UntagResource"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("role", "principal"),
    [(EXECUTION_ROLE, "cloudformation.amazonaws.com"), (LAUNCH_ROLE, "servicecatalog.amazonaws.com")],
)
def test_in_the_local_cloud_a_key_tagged_as_ours_refuses_the_roles(
    lived: Lives, role: str, principal: str
) -> None:
    # GIVEN a key of somebody else, who has tagged it as a TapStack's long ago
    administrator, tags = lived.cloud.client("kms"), [{"TagKey": TAG, "TagValue": "pp-foreign"}]
    key = administrator.create_key(Tags=tags)["KeyMetadata"]["KeyId"]
    secret = administrator.encrypt(KeyId=key, Plaintext=b"theirs")["CiphertextBlob"]
    lived.cloud.clock.sleep(600)

    # WHEN the role tries what would do harm
    kms = lived.cloud.identity.client(
        "kms", role, principal=principal, source_arn=f"arn:aws:x:us-east-1:{ACCOUNT}:x"
    )
    policy = administrator.get_key_policy(KeyId=key, PolicyName="default")["Policy"]
    attempts: dict[str, dict[str, Any]] = {
        "put_key_policy": {"PolicyName": "default", "Policy": policy},
        "schedule_key_deletion": {"PendingWindowInDays": 7},
        "disable_key": {},
        "decrypt": {"CiphertextBlob": secret},
        "generate_data_key": {"KeySpec": "AES_256"},
        "create_grant": {"GranteePrincipal": role, "Operations": ["Decrypt"]},
        "untag_resource": {"TagKeys": [TAG]},
        "describe_key": {},
    }
    done = [name for name, more in attempts.items() if succeeds(getattr(kms, name), KeyId=key, **more)]

    # THEN nothing is done
    assert done == []
    assert administrator.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"


def succeeds(call: Any, **arguments: Any) -> bool:
    try:
        call(**arguments)
    except ClientError as refused:
        if refused.response["Error"]["Code"] == "AccessDeniedException":
            return False
        raise
    return True
