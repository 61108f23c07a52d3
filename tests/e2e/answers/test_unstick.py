"""The platform team's commands free products that nothing else would."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local_cloud.cloud import Cloud
from tests.support.launches import Aws, Catalog, product_of, reason, record_of
from tests.support.machinery import EXECUTION_ENDED, dead_letters, eventually, executions, paused, rule_is
from tests.support.operator import Command

ROOT = Path(__file__).parents[3]
WRONG = {"EnvironmentSuffix": "Bad_Suffix", "OpsEmails": "ops@example.com"}  # a launch that fails at once


@pytest.fixture
def stuck(cloud: Cloud, oldest: Catalog) -> dict[str, Any]:
    """A launch whose execution was aborted while the safety net was off: it stays UNDER_CHANGE for ever."""
    with rule_is(cloud, "disabled", EXECUTION_ENDED), dead_letters(cloud).held():
        stall = cloud.faults.stack.stall("AWS::EC2::VPC")
        launched = oldest.start_provision("stuck", EnvironmentSuffix="stuck", OpsEmails="ops@example.com")
        assert stall.reached.wait(20)
        [execution] = executions(cloud, of=record_of(launched))
        cloud.client("stepfunctions").stop_execution(executionArn=execution["executionArn"])
        stall.release()
    return launched


def test_a_product_that_no_net_has_caught_is_freed_as_the_aws_command_shows(
    stuck: dict[str, Any], command: Command, aws: Aws, oldest: Catalog
) -> None:
    # GIVEN a product that its user can't even terminate
    product, record = product_of(stuck), record_of(stuck)
    shown = aws("servicecatalog", "describe-provisioned-product", "--id", product)
    assert shown["ProvisionedProductDetail"]["Status"] == "UNDER_CHANGE"

    # WHEN the platform team looks for it
    listed = command("list")
    [line] = [line for line in listed.out.splitlines() if record in line]
    assert line.split() == [record, "stuck", "PROVISION", "ended", "0", "min", "ABORTED"]

    # AND ends its operation
    freed = command("unstick", record, "All nets were off.")
    assert (freed.code, freed.err) == (0, "")
    assert f"Record {record} (PROVISION of stuck) is FAILED." in freed.out
    assert f"stack TapStack-{product}" in freed.out

    # THEN its user reads why, and can go on
    told = aws("servicecatalog", "describe-record", "--id", record)
    assert told["RecordDetail"]["Status"] == "FAILED"
    assert "The platform team ended this operation: All nets were off. When the stack" in reason(told)
    assert oldest.outcomes(stuck) == {"accepted": 1}
    ended = aws("servicecatalog", "terminate-provisioned-product", "--provisioned-product-id", product)
    assert oldest.ended(ended)["RecordDetail"]["Status"] == "SUCCEEDED"

    # AND there is nothing more to end
    assert record not in command("list").out
    again = command("unstick", record, "Once more.")
    assert (again.code, again.out) == (1, "")
    assert "has been answered already: it is FAILED" in again.err


def test_what_still_runs_is_ended_only_by_force_and_then_answered_once(
    cloud: Cloud, oldest: Catalog, command: Command
) -> None:
    # GIVEN a launch that is under way
    stall = cloud.faults.stack.stall("AWS::EC2::VPC")
    launched = oldest.start_provision("forced", EnvironmentSuffix="forced", OpsEmails="ops@example.com")
    assert stall.reached.wait(20)
    record = record_of(launched)
    assert "Wait for stack" in next(line for line in command("list").out.splitlines() if record in line)

    # WHEN it is to be ended THEN that is refused in words
    refused = command("unstick", record, "It takes too long.")
    assert refused.code == 1
    assert "is still in state 'Wait for stack' and will be answered when that ends" in refused.err
    assert "FORCE=yes" in refused.err
    assert oldest.status(product_of(launched)) == "UNDER_CHANGE"

    # AND with force it is stopped and answered; the net that follows says the same or finds it answered
    assert command("unstick", record, "It takes too long.", "--force").code == 0
    [execution] = executions(cloud, of=record)
    assert execution["status"] == "ABORTED"
    stall.release()
    assert "ended this operation: It takes too long." in reason(oldest.ended(launched))
    ended = oldest.terminate(product_of(launched))
    assert ended["RecordDetail"]["Status"] == "SUCCEEDED", reason(ended)
    assert oldest.answered_once(launched)


def test_a_dead_letter_is_listed_and_ended_as_well(cloud: Cloud, oldest: Catalog, command: Command) -> None:
    with dead_letters(cloud).held():
        with paused(cloud, "Receive"):
            launched = oldest.start_provision("lost", **WRONG)
            eventually(lambda: dead_letters(cloud).depth() == 1, "a dead letter")
        [line] = [line for line in command("list").out.splitlines() if record_of(launched) in line]
        assert line.split()[1:5] == ["lost", "PROVISION", "dead", "letters"]
        assert command("unstick", record_of(launched), "Nobody received it.").code == 0
        assert dead_letters(cloud).depth() == 0
    assert "ended this operation: Nobody received it." in reason(oldest.ended(launched))
    assert executions(cloud, of=record_of(launched)) == []


def test_a_dead_letter_that_is_being_tried_is_counted_where_it_cannot_be_shown(
    cloud: Cloud, oldest: Catalog, command: Command
) -> None:
    sqs, letters = cloud.client("sqs"), dead_letters(cloud)
    with letters.held():
        with paused(cloud, "Receive"):
            launched = oldest.start_provision("tried", **WRONG)
            eventually(lambda: letters.depth() == 1, "a dead letter")
        # GIVEN that somebody has the message
        [message] = sqs.receive_message(QueueUrl=letters.url)["Messages"]
        # WHEN the platform team looks for it THEN it reads that there is something it can't see
        said = "can't be shown meanwhile: 1."
        assert said in command("list").out
        assert said in command("unstick", record_of(launched), "Nobody received it.").err
        # AND once it is back, it is there, and nothing is hidden any more
        sqs.change_message_visibility(
            QueueUrl=letters.url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
        )
        listed = command("list").out
        assert record_of(launched) in listed
        assert said not in listed
    assert "(OperationNotStarted)" in reason(oldest.ended(launched))


def test_what_the_engine_does_not_know_is_refused_in_words(command: Command) -> None:
    assert "The engine has nothing of record rec-unknown" in command("unstick", "rec-unknown", "why").err
    assert "Say why, in 1 to 1500 characters" in command("unstick", "rec-unknown", " ").err


def test_make_hands_the_reason_on_as_it_was_written(cloud: Cloud) -> None:
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "AWS_ENDPOINT_URL": cloud.endpoint,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
    }
    words = ["RECORD=rec-unknown", 'REASON=It\'s "stuck"; `exit 3`']
    done = subprocess.run(
        ["make", "--silent", "--assume-old=.venv/.synced", "unstick", *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "The engine has nothing of record rec-unknown" in done.stderr
