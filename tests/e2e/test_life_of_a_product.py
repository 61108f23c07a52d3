"""R5 from end to end: a product's whole life through the unmodified `aws` command."""

import shlex

import pytest

from local_cloud.cloud import Cloud
from tests.support.inventory import left_with
from tests.support.launches import Aws, AwsError, Catalog, outputs, reason

SUFFIX = "life"


def test_a_user_lives_the_whole_life_of_a_product_through_the_aws_command(
    aws: Aws, catalog: Catalog, cloud: Cloud
) -> None:
    # GIVEN the product on offer, found as a user finds it
    found = aws("servicecatalog", "search-products")["ProductViewSummaries"]
    assert [(product["ProductId"], product["Type"]) for product in found] == [
        (catalog.product_id, "EXTERNAL")
    ]
    of_version = (
        "--product-id", catalog.product_id,
        "--provisioning-artifact-id", catalog.version_id,
        "--path-id", catalog.path_id,
    )  # fmt: skip
    form = aws("servicecatalog", "describe-provisioning-parameters", *of_version)
    keys = [parameter["ParameterKey"] for parameter in form["ProvisioningArtifactParameters"]]
    assert keys[:2] == ["EnvironmentSuffix", "OpsEmails"]

    # WHEN it is launched
    launched = aws(
        "servicecatalog", "provision-product", *of_version,
        "--provisioned-product-name", "payments",
        "--provisioning-parameters", f"Key=EnvironmentSuffix,Value={SUFFIX}",
        "Key=OpsEmails,Value='stays@example.com,leaves@example.com'",
    )  # fmt: skip
    product = launched["RecordDetail"]["ProvisionedProductId"]
    assert launched["RecordDetail"]["Status"] in ("CREATED", "IN_PROGRESS")
    catalog.ended(launched)

    # THEN the record has the outputs a team connects with
    record = aws("servicecatalog", "describe-record", "--id", launched["RecordDetail"]["RecordId"])
    assert record["RecordDetail"]["Status"] == "SUCCEEDED", reason(record)
    given = outputs(record)
    assert "sslmode=verify-full" in given["PsqlCommand"]
    assert catalog.status(product) == "AVAILABLE"

    # AND the database is what was promised
    database = aws("rds", "describe-db-instances", "--db-instance-identifier", given["DatabaseIdentifier"])
    instance = database["DBInstances"][0]
    assert instance["MultiAZ"]
    assert instance["StorageEncrypted"]
    assert instance["KmsKeyId"] == given["EncryptionKeyArn"]
    assert not instance["PubliclyAccessible"]
    assert instance["BackupRetentionPeriod"] >= 1

    # AND the ops mailboxes are asked to confirm, as SNS does
    assert _subscriptions(aws, given) == {
        "stays@example.com": "PendingConfirmation",
        "leaves@example.com": "PendingConfirmation",
    }
    _confirm_all(aws, cloud)
    assert all(arn.startswith("arn:") for arn in _subscriptions(aws, given).values())

    # AND the stack's events and the execution's history tell what happened
    stack = f"TapStack-{product}"
    events = aws("cloudformation", "describe-stack-events", "--stack-name", stack)["StackEvents"]
    assert events[0]["ResourceStatus"] == "CREATE_COMPLETE"
    assert {event["ResourceStatus"] for event in events} >= {"CREATE_IN_PROGRESS", "CREATE_COMPLETE"}
    assert _states_entered(aws, product) == [
        "Validate inputs",
        "Plan changes",
        "Major version upgrade?",
        "Apply changes",
        "Wait for stack",
        "Terminated?",
        "Verify promises",
        "Subscribe ops emails",
        "Report success",
    ]

    # WHEN the suffix is taken a second time THEN it is refused in words
    second = catalog.provision(
        "second", EnvironmentSuffix=SUFFIX, OpsEmails="a@example.com", VpcCidr="10.9.0.0/16"
    )
    assert second["RecordDetail"]["Status"] == "FAILED"
    assert f"EnvironmentSuffix: is already in use by stack {stack}" in reason(second)
    catalog.terminate(second["RecordDetail"]["ProvisionedProductId"])

    # WHEN the people on call and the backup retention change
    updated = aws(
        "servicecatalog", "update-provisioned-product", *of_version,
        "--provisioned-product-id", product,
        "--provisioning-parameters", "Key=EnvironmentSuffix,UsePreviousValue=true",
        "Key=OpsEmails,Value='stays@example.com,joins@example.com'", "Key=BackupRetentionDays,Value=21",
    )  # fmt: skip
    record = catalog.ended(updated)
    assert record["RecordDetail"]["Status"] == "SUCCEEDED", reason(record)

    # THEN one is added, one removed, one kept, and the database keeps its identity and more backups
    subscriptions = _subscriptions(aws, given)
    assert subscriptions.keys() == {"stays@example.com", "joins@example.com"}
    assert subscriptions["joins@example.com"] == "PendingConfirmation"
    assert outputs(record)["DatabaseEndpoint"] == given["DatabaseEndpoint"]
    instance = aws("rds", "describe-db-instances")["DBInstances"][0]
    assert instance["BackupRetentionPeriod"] == 21

    # WHEN it is terminated
    ended = catalog.ended(
        aws("servicecatalog", "terminate-provisioned-product", "--provisioned-product-id", product)
    )

    # THEN nothing that carries the suffix exists any more
    assert ended["RecordDetail"]["Status"] == "SUCCEEDED", reason(ended)
    assert left_with(cloud, SUFFIX) == []
    with pytest.raises(AwsError, match="does not exist"):
        aws("cloudformation", "describe-stacks", "--stack-name", stack)
    with pytest.raises(AwsError, match="ResourceNotFound"):
        aws("servicecatalog", "describe-provisioned-product", "--id", product)


def _subscriptions(aws: Aws, given: dict[str, str]) -> dict[str, str]:
    listed = aws("sns", "list-subscriptions-by-topic", "--topic-arn", given["AlertTopicArn"])
    return {
        subscription["Endpoint"]: subscription["SubscriptionArn"] for subscription in listed["Subscriptions"]
    }


def _confirm_all(aws: Aws, cloud: Cloud) -> None:
    for mail in cloud.mailbox.to("stays@example.com") + cloud.mailbox.to("leaves@example.com"):
        program, *arguments = shlex.split(mail.todo)
        assert program == "aws"
        aws(*arguments)


def _states_entered(aws: Aws, product: str) -> list[str]:
    machine = aws("stepfunctions", "list-state-machines")["stateMachines"][0]["stateMachineArn"]
    executions = aws("stepfunctions", "list-executions", "--state-machine-arn", machine)["executions"]
    execution = next(one for one in executions if one["name"].startswith(product))
    history = aws("stepfunctions", "get-execution-history", "--execution-arn", execution["executionArn"])
    entered = [event.get("stateEnteredEventDetails", {}).get("name") for event in history["events"]]
    return [state for state in entered if state]
