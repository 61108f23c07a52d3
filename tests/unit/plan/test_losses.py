from typing import Any

import pytest
from engine.errors import DataLossError
from plan.details import changed_in_place, properties
from plan.losses import refuse_losses


def change(
    logical_id: str,
    resource_type: str,
    action: str = "Modify",
    replacement: str | None = "False",
    *details: Any,
    **more: Any,
) -> Any:
    given = {"LogicalResourceId": logical_id, "ResourceType": resource_type, "Action": action}
    return given | ({"Replacement": replacement} if replacement else {}) | {"Details": list(details)} | more


def cause(name: str, recreation: str, **more: str) -> Any:
    return {"Target": {"Attribute": "Properties", "Name": name, "RequiresRecreation": recreation}, **more}


def database(*details: Any, replacement: str = "Conditional") -> Any:
    return change("Database", "AWS::RDS::DBInstance", "Modify", replacement, *details)


def refusal(*changes: Any) -> str:
    with pytest.raises(DataLossError) as refused:
        refuse_losses(list(changes))
    return str(refused.value)


@pytest.mark.parametrize(
    ("resource_type", "action", "replacement", "words"),
    [
        ("AWS::RDS::DBInstance", "Modify", "True", "would be replaced: the database"),
        ("AWS::RDS::DBInstance", "Modify", "Conditional", "might be replaced: the database"),
        ("AWS::RDS::DBInstance", "Remove", None, "would be removed: the database"),
        ("AWS::RDS::DBInstance", "Dynamic", None, "might be replaced: the database"),
        ("AWS::KMS::Key", "Modify", "True", "could no longer be read"),
        ("AWS::S3::Bucket", "Remove", None, "the backups in it would be deleted"),
        ("AWS::SecretsManager::Secret", "Modify", "True", "the password in it would be lost"),
        ("Custom::EmptyBucketOnDelete", "Remove", None, "the backups in the bucket would be deleted"),
        ("AWS::CloudFormation::Stack", "Modify", "False", "does not show what would happen to the data"),
        ("AWS::CloudFormation::Stack", "Remove", None, "does not show what would happen to the data"),
    ],
)
def test_what_would_lose_data_is_refused_with_the_consequence(
    resource_type: str, action: str, replacement: str | None, words: str
) -> None:
    harmless = change("Alarm", "AWS::CloudWatch::Alarm", replacement="True")
    refused = refusal(harmless, change("Precious", resource_type, action, replacement))
    assert f"- Precious ({resource_type}) " in refused
    assert words in refused
    assert "Alarm" not in refused


def test_every_loss_is_listed() -> None:
    refused = refusal(change("Key", "AWS::KMS::Key", "Remove"), change("Bucket", "AWS::S3::Bucket", "Remove"))
    assert "- Key " in refused
    assert "- Bucket " in refused


def test_moving_the_database_to_another_logical_id_is_its_removal() -> None:
    refused = refusal(
        change("NewName", "AWS::RDS::DBInstance", "Add", None),
        change("OldName", "AWS::RDS::DBInstance", "Remove", None),
    )
    assert "- OldName (AWS::RDS::DBInstance) would be removed" in refused
    assert "NewName" not in refused


@pytest.mark.parametrize(
    ("action", "replacement", "policy_action"),
    [("Remove", None, "Retain"), ("Modify", "True", "ReplaceAndRetain")],
)
def test_a_policy_that_keeps_the_database_does_not_let_it_out_of_the_product(
    action: str, replacement: str | None, policy_action: str
) -> None:
    kept = change("Database", "AWS::RDS::DBInstance", action, replacement, PolicyAction=policy_action)
    assert "it would be left behind, and nobody would update, watch or delete it" in refusal(kept)


@pytest.mark.parametrize(
    "harmless",
    [
        database(cause("AllocatedStorage", "Never"), replacement="False"),
        database(cause("BackupRetentionPeriod", "Conditionally"), cause("AllocatedStorage", "Never")),
        change("Database", "AWS::RDS::DBInstance", "Add", None),
        change("Nested", "AWS::CloudFormation::Stack", "Add", None),
    ],
)
def test_what_keeps_the_data_is_let_through_though_cloudformation_may_not_be_able_to_tell(
    harmless: Any,
) -> None:
    refuse_losses([harmless])


@pytest.mark.parametrize("replacement", ["False", "Conditional"])
def test_a_secret_that_rds_would_no_longer_manage_is_a_loss(replacement: str) -> None:
    harmless = cause("MultiAZ", "Conditionally")
    refused = refusal(database(harmless, cause("ManageMasterUserPassword", "Never"), replacement=replacement))
    assert "would lose its secret because of ManageMasterUserPassword: the password in it would" in refused


@pytest.mark.parametrize("dangerous", [cause("Engine", "Conditionally"), cause("KmsKeyId", "Always")])
def test_one_dangerous_cause_among_harmless_ones_is_enough_to_refuse(dangerous: Any) -> None:
    refused = refusal(database(cause("MultiAZ", "Conditionally"), dangerous))
    assert "might be replaced because of " in refused
    assert dangerous["Target"]["Name"] in refused


def new_key(entity: str, evaluation: str = "Dynamic") -> Any:
    return cause(
        "KmsKeyId", "Always", Evaluation=evaluation, ChangeSource="ResourceAttribute", CausingEntity=entity
    )


def test_the_arn_of_a_key_that_changes_in_place_stays_so_the_database_does() -> None:
    key, reference = change("Key", "AWS::KMS::Key"), database(new_key("Key.Arn"))
    refuse_losses([key, reference])
    assert properties(reference, changed_in_place([key, reference])) == []


@pytest.mark.parametrize(
    ("key_is_replaced", "reference"),
    [
        ("True", new_key("Key.Arn")),
        ("False", new_key("OtherKey.Arn")),
        ("False", new_key("Key.Arn", evaluation="Static")),
        ("False", new_key("Key.Something")),
    ],
)
def test_any_other_new_key_of_a_database_is_refused(key_is_replaced: str, reference: Any) -> None:
    key = change("Key", "AWS::Logs::LogGroup", replacement=key_is_replaced)
    assert "- Database " in refusal(key, database(reference))
    assert properties(database(reference), changed_in_place([key])) == ["KmsKeyId"]
