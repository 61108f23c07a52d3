"""Messages that Service Catalog never sent, though they came through its queues."""

import json
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from botocore.exceptions import ClientError

from catalog_stack.operator.deployed import LOST
from local_cloud.cloud import Cloud
from local_cloud.service_catalog.models import backend
from tests.support.launches import Catalog, product_of, reason, record_of
from tests.support.machinery import (
    dead_letters,
    eventually,
    executions,
    operations,
    published,
    stacks_ever,
    unconfirmed,
    unreported,
)
from tests.support.operator import Command

WRONG = {"EnvironmentSuffix": "Bad_Suffix", "OpsEmails": "ops@example.com"}  # a launch that fails at once
Message = dict[str, Any]
Kind = Literal["Provision", "Update", "Terminate"]
KINDS: tuple[Kind, ...] = ("Provision", "Update", "Terminate")
NAMES = {
    "Provision": "PROVISION_PRODUCT",
    "Update": "UPDATE_PROVISIONED_PRODUCT",
    "Terminate": "TERMINATE_PROVISIONED_PRODUCT",
}
# What the engine counts for alarms of its own.
COUNTED = ("ReportedByNet", "LateReportRefused", "PlatformFailure", "RecordCheckRefused", "OperationFailed")


@pytest.fixture(scope="module")
def victim(oldest: Catalog) -> Iterator[str]:
    """A product with a database, terminated at the end to free the account's quota of networks."""
    record = oldest.provision("victim", EnvironmentSuffix="victim", OpsEmails="ops@example.com")
    assert record["RecordDetail"]["Status"] == "SUCCEEDED", reason(record)
    yield product_of(record)
    oldest.terminate(product_of(record))


@pytest.fixture
def unseen() -> Iterator[str]:
    """The name of a product whose records Service Catalog does not show."""
    backend().unseen = lambda record: record.provisioned_product.name == "unseen"
    yield "unseen"
    backend().unseen = lambda _: False


@pytest.fixture(autouse=True)
def nothing_is_kept(cloud: Cloud) -> Iterator[None]:
    """Empty the queue of unconfirmed operations after a test."""
    yield
    kept = unconfirmed(cloud)
    while kept.depth():
        kept.take()


def message(cloud: Cloud, catalog: Catalog, product: str, kind: Kind, record: str) -> Message:
    """A forged message by somebody who knows the format: only record and token are wrong."""
    shown = cloud.client("servicecatalog").describe_provisioned_product(Id=product)
    role = shown["ProvisionedProductDetail"]["LaunchRoleArn"]
    account = role.split(":")[4]
    forged = {
        "token": "known-to-nobody",
        "operation": NAMES[kind],
        "provisionedProductId": product,
        "provisionedProductName": shown["ProvisionedProductDetail"]["Name"],
        "recordId": record,
        "launchRoleArn": role,
        "identity": {"principal": "AIDACKCEVSQ6C2EXAMPLE", "awsAccountId": account, "organizationId": None},
    }
    if kind == "Terminate":
        return forged
    return forged | {
        "productId": catalog.product_id,
        "provisioningArtifactId": catalog.version_id,
        "artifact": {"path": "S3://invented/artifact", "type": "AWS_S3"},
        "parameters": [{"key": "OpsEmails", "value": "forger@example.com"}],
        "tags": [],
    }


def view(cloud: Cloud, product: str) -> Any:
    """Everything that Service Catalog and CloudFormation show of a product."""
    service_catalog, cloudformation = cloud.client("servicecatalog"), cloud.client("cloudformation")
    detail = service_catalog.describe_provisioned_product(Id=product)["ProvisionedProductDetail"]
    events = cloudformation.describe_stack_events(StackName=f"TapStack-{product}")["StackEvents"]
    record = service_catalog.describe_record(Id=detail["LastRecordId"])["RecordDetail"]
    return detail, record, events[0]


def troubles(cloud: Cloud) -> dict[str, int]:
    """Count the events that make the engine's alarms fire."""
    counted = published(cloud, *COUNTED)
    return {
        "lost": sum(each["status"] in LOST for each in executions(cloud)),
        "dead letters": dead_letters(cloud).depth(),
        "unreported": unreported(cloud).depth(),
        "unconfirmed": unconfirmed(cloud).depth(),
        **{name: counted[name] for name in COUNTED},
    }


def calm(cloud: Cloud) -> dict[str, int]:
    """Return the count once no operation of another test is under way."""
    eventually(lambda: all(each["status"] != "RUNNING" for each in executions(cloud)), "nothing runs", 60)
    eventually(lambda: dead_letters(cloud).depth() == 0, "no dead letters", 60)
    return troubles(cloud)


def kept(cloud: Cloud, forged: Message) -> Message:
    """Return the forged message's operation in the queue `unconfirmed`, once its execution has ended."""
    queue = unconfirmed(cloud)
    eventually(lambda: queue.depth() == 1, "it is kept", 60)
    found: Message = json.loads(queue.take())
    assert found["recordId"] == forged["recordId"]
    assert forged["token"] not in str(found)
    [execution] = executions(cloud, of=forged["recordId"])
    assert found["executionArn"] == execution["executionArn"]
    return found


def open_record(cloud: Cloud, catalog: Catalog, name: str, kind: Kind) -> tuple[dict[str, Any], str]:
    """Start an operation of another product whose message never arrives. Returns it and the message."""
    if kind != "Provision":
        product = product_of(catalog.provision(name, **WRONG))
    with operations(cloud, kind).held():
        if kind == "Provision":
            started = catalog.start_provision(name, **WRONG)
        elif kind == "Update":
            started = catalog.start_update(product, **WRONG)
        else:
            started = catalog.start_terminate(product)
        return started, operations(cloud, kind).take()


def answer(cloud: Cloud, kind: Kind, genuine: Message) -> None:
    """Answer an operation in the engine's place."""
    service_catalog = cloud.client("servicecatalog")
    notify = {
        "Provision": service_catalog.notify_provision_product_engine_workflow_result,
        "Update": service_catalog.notify_update_provisioned_product_engine_workflow_result,
        "Terminate": service_catalog.notify_terminate_provisioned_product_engine_workflow_result,
    }[kind]
    notify(
        WorkflowToken=genuine["token"],
        RecordId=genuine["recordId"],
        IdempotencyToken="answered",
        Status="FAILED",
        FailureReason="Ended by hand.",
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_message_with_an_invented_record_changes_nothing_and_raises_one_alarm(
    cloud: Cloud, catalog: Catalog, victim: str, kind: Kind
) -> None:
    counted, before = calm(cloud), view(cloud, victim)
    forged = message(cloud, catalog, victim, kind, f"rec-invented{kind.lower()}")
    operations(cloud, kind).send(json.dumps(forged))
    eventually(lambda: unconfirmed(cloud).depth() == 1, "it is kept", 60)
    assert troubles(cloud) == counted | {"unconfirmed": 1}
    assert view(cloud, victim) == before
    assert "shows no record rec-invented" in kept(cloud, forged)["reason"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_message_with_the_open_record_of_another_product_changes_nothing_and_raises_one_alarm(
    cloud: Cloud, catalog: Catalog, victim: str, kind: Kind
) -> None:
    # GIVEN an operation of another product that is under way
    other, genuine = open_record(cloud, catalog, f"other-{kind.lower()}", kind)
    counted, before = calm(cloud), view(cloud, victim)
    # WHEN a message gives its record to the victim
    forged = message(cloud, catalog, victim, kind, record_of(other))
    operations(cloud, kind).send(json.dumps(forged))
    eventually(lambda: unconfirmed(cloud).depth() == 1, "it is kept", 60)
    # THEN neither of the two has been touched
    assert troubles(cloud) == counted | {"unconfirmed": 1}
    assert view(cloud, victim) == before
    assert catalog.status(product_of(other)) == "UNDER_CHANGE"
    assert catalog.answers(other) == []
    assert f"is of provisioned product {product_of(other)}, not of {victim}" in kept(cloud, forged)["reason"]
    operations(cloud, kind).send(genuine)
    catalog.ended(other)


@pytest.mark.parametrize("kind", KINDS)
def test_a_message_whose_record_has_ended_changes_nothing_and_raises_one_alarm(
    cloud: Cloud, catalog: Catalog, kind: Kind
) -> None:
    # GIVEN an operation that was answered before its message came
    started, body = open_record(cloud, catalog, f"ended-{kind.lower()}", kind)
    genuine = json.loads(body)
    answer(cloud, kind, genuine)
    product, counted = product_of(started), calm(cloud)
    status = catalog.status(product)
    # WHEN the message comes after all
    operations(cloud, kind).send(body)
    eventually(lambda: unconfirmed(cloud).depth() == 1, "it is kept", 60)
    # THEN it is not done any more
    assert troubles(cloud) == counted | {"unconfirmed": 1}
    assert catalog.status(product) == status
    assert stacks_ever(cloud, product) == []
    assert catalog.outcomes(started) == {"accepted": 1}
    assert "has ended: it is FAILED" in kept(cloud, genuine)["reason"]


def test_an_update_that_is_under_way_does_not_confirm_a_termination(cloud: Cloud, catalog: Catalog) -> None:
    update, genuine = open_record(cloud, catalog, "other-kind", "Update")
    forged = message(cloud, catalog, product_of(update), "Terminate", record_of(update))
    operations(cloud, "Terminate").send(json.dumps(forged))
    assert "is UPDATE_PROVISIONED_PRODUCT, not TERMINATE" in kept(cloud, forged)["reason"]
    assert catalog.answers(update) == []
    answer(cloud, "Update", json.loads(genuine))


def test_an_update_to_another_version_than_the_records_is_not_done(cloud: Cloud, catalog: Catalog) -> None:
    _, genuine = open_record(cloud, catalog, "other-version", "Update")
    forged = json.loads(genuine) | {"provisioningArtifactId": "pa-invented"}
    operations(cloud, "Update").send(json.dumps(forged))
    said = f"has ProvisioningArtifactId {catalog.version_id}, not pa-invented"
    eventually(lambda: unconfirmed(cloud).depth() == 1, "it is kept", 60)
    assert said in json.loads(unconfirmed(cloud).take())["reason"]
    answer(cloud, "Update", json.loads(genuine))


def test_a_confirmed_operation_with_another_launch_role_is_answered_in_words(
    cloud: Cloud, catalog: Catalog
) -> None:
    launched, genuine = open_record(cloud, catalog, "other-role", "Provision")
    role = json.loads(genuine)["launchRoleArn"]
    foreign = role.replace("123456789012", "999999999999")
    operations(cloud, "Provision").send(genuine.replace(role, foreign))
    record = catalog.ended(launched)
    said = f"would run with launch role {foreign}, and its record names {role}. Nothing was changed."
    assert said in reason(record)
    assert stacks_ever(cloud, product_of(record)) == []
    assert unconfirmed(cloud).depth() == 0


@pytest.mark.parametrize("kind", KINDS)
def test_no_principal_of_the_account_can_send_an_operation(cloud: Cloud, kind: Kind) -> None:
    queue = operations(cloud, kind)
    with pytest.raises(ClientError, match=r"AccessDenied.*explicit deny"):
        cloud.client("sqs").send_message(QueueUrl=queue.url, MessageBody="{}")


def test_a_record_that_is_not_visible_at_once_is_asked_for_again(cloud: Cloud, catalog: Catalog) -> None:
    asked: list[str] = []

    def unseen(record: Any) -> bool:
        if record.provisioned_product.name == "late":
            asked.append(record.id)
        return 0 < len(asked) <= 3

    backend().unseen = unseen
    try:
        launched = catalog.provision("late", **WRONG)
    finally:
        backend().unseen = lambda _: False
    assert "EnvironmentSuffix" in reason(launched)
    assert len(asked) > 3
    assert unconfirmed(cloud).depth() == 0


# What the platform team decides


def test_a_person_has_an_operation_done_that_service_catalog_does_not_show(
    cloud: Cloud, catalog: Catalog, command: Command, unseen: str
) -> None:
    # GIVEN a launch whose record stays invisible
    launched = catalog.start_provision(unseen, **WRONG)
    record = record_of(launched)
    eventually(lambda: unconfirmed(cloud).depth() == 1, "it is kept", 60)
    # WHEN the platform team looks
    listed = command("list").out
    line = next(line for line in listed.splitlines() if line.startswith(record))
    assert line.split()[1:4] == [product_of(launched), "PROVISION", "unconfirmed"]
    assert f"  {record}: Service Catalog shows no record {record}" in listed
    # AND vouches for it
    done = command("confirm", record)
    assert (done.code, done.err) == (0, "")
    # THEN it is done, with its own token, and answered once
    eventually(lambda: catalog.answers(launched) != [], "an answer", 60)
    backend().unseen = lambda _: False
    assert "EnvironmentSuffix" in reason(catalog.ended(launched))
    assert catalog.outcomes(launched) == {"accepted": 1}
    assert record not in command("list").out


@pytest.mark.parametrize("change", ["launch", "update"])
def test_a_persons_word_has_an_operation_finished_whose_record_vanished_in_the_middle(
    cloud: Cloud, catalog: Catalog, command: Command, change: str
) -> None:
    name = f"vanished-{change}"
    given = {"EnvironmentSuffix": name, "OpsEmails": "ops@example.com", "VpcCidr": "10.32.0.0/16"}
    done = "CREATE_COMPLETE" if change == "launch" else "UPDATE_COMPLETE"

    def unseen(record: Any) -> bool:
        product = record.provisioned_product
        return product.name == name and stacks_ever(cloud, product.id) == [done]

    if change == "launch":
        backend().unseen = unseen
        started = catalog.start_provision(name, **given)
    else:
        product = product_of(catalog.provision(name, **given))
        backend().unseen = unseen
        started = catalog.start_update(product, **given | {"BackupRetentionDays": "14"})
    eventually(lambda: unconfirmed(cloud).depth() == 1, "it is kept", 120)
    assert "engine went no further. Changes of its stack may have begun." in command("list").out
    assert command("confirm", record_of(started)).code == 0
    eventually(lambda: catalog.answers(started) != [], "an answer", 120)
    backend().unseen = lambda _: False
    ended = catalog.ended(started)
    assert ended["RecordDetail"]["Status"] == "SUCCEEDED", reason(ended)
    outputs = {output["OutputKey"]: output["OutputValue"] for output in ended["RecordOutputs"]}
    assert "ops@example.com" in outputs["OpsEmailSubscriptions"]
    if change == "update":
        assert "BackupRetentionPeriod" in outputs["Changes"]
    cloudformation = cloud.client("cloudformation")
    stack = f"TapStack-{product_of(started)}"
    assert "Deny" in cloudformation.get_stack_policy(StackName=stack)["StackPolicyBody"]
    catalog.terminate(product_of(started))


def test_a_person_forgets_a_forged_operation(
    cloud: Cloud, catalog: Catalog, victim: str, command: Command
) -> None:
    forged = message(cloud, catalog, victim, "Terminate", "rec-forgotten")
    operations(cloud, "Terminate").send(json.dumps(forged))
    eventually(lambda: unconfirmed(cloud).depth() == 1, "it is kept", 60)
    done = command("drop", "rec-forgotten")
    assert (done.code, done.err) == (0, "")
    assert f"TERMINATE of {victim} (record rec-forgotten) is forgotten" in done.out
    assert unconfirmed(cloud).depth() == 0
    assert "No operation of record rec-forgotten waits" in command("confirm", "rec-forgotten").err
    assert stacks_ever(cloud, victim) == ["CREATE_COMPLETE"]


def test_nobodys_word_counts_against_service_catalogs(
    cloud: Cloud, catalog: Catalog, command: Command
) -> None:
    # GIVEN a message whose record has ended
    started, body = open_record(cloud, catalog, "contradicted", "Terminate")
    answer(cloud, "Terminate", json.loads(body))
    operations(cloud, "Terminate").send(body)
    eventually(lambda: unconfirmed(cloud).depth() == 1, "it is kept", 60)
    # WHEN a person vouches for it
    assert command("confirm", record_of(started)).code == 0
    # THEN it is kept again, and a second word is refused
    eventually(lambda: unconfirmed(cloud).depth() == 1, "it is kept again", 60)
    again = command("confirm", record_of(started))
    assert again.code == 1
    assert "was confirmed before, and Service Catalog contradicts: Record" in again.err
    assert catalog.outcomes(started) == {"accepted": 1}


def test_a_message_that_names_the_execution_of_something_else_is_not_believed(
    cloud: Cloud, catalog: Catalog, victim: str, command: Command
) -> None:
    # GIVEN a forged termination, and somebody who writes that it is an update of another product
    forged = message(cloud, catalog, victim, "Terminate", "rec-disguised")
    operations(cloud, "Terminate").send(json.dumps(forged))
    found = kept(cloud, forged)
    disguised = found | {"kind": "UPDATE", "provisionedProductId": "pp-harmless"}
    unconfirmed(cloud).send(json.dumps(disguised))
    # WHEN a person vouches for the update THEN nothing is started
    refused = command("confirm", "rec-disguised")
    assert refused.code == 1
    assert "names an execution of another operation" in refused.err
    assert len(executions(cloud, of="rec-disguised")) == 1
