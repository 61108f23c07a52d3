"""Whoever has Service Catalog's token can answer an operation, so it stays only where it is needed."""

import json

import pytest

from local_cloud.cloud import Cloud
from local_cloud.service_catalog.models import backend
from tests.support.launches import Catalog, product_of
from tests.support.machinery import eventually, executions, history, log_lines, operations, unreported

INPUTS = {"EnvironmentSuffix": "Bad_Suffix", "OpsEmails": "ops@example.com"}  # refused at once


@pytest.fixture(scope="module")
def tokens(cloud: Cloud, catalog: Catalog) -> list[str]:
    """The tokens of all operations in this cloud, after a product's short life and two dead letters."""
    failed = catalog.provision("secrecy", **INPUTS)
    catalog.update(product_of(failed), **INPUTS)
    catalog.terminate(product_of(failed))

    # One dead letter that can be answered, and one with a token that can't.
    queue, last = operations(cloud, "Provision"), unreported(cloud)
    with queue.held():
        dead = catalog.start_provision("secrecy-dead", **INPUTS)
        message = json.loads(queue.take())
    queue.send(json.dumps(message | {"provisionedProductId": ""}), json.dumps({"token": message["token"]}))
    catalog.ended(dead)
    eventually(lambda: last.depth() == 1 and queue.depth() == 0, "one message is kept for a person")
    last.take()
    return [record.workflow_token for record in backend().state.records.values()]


def test_no_log_line_holds_a_token(cloud: Cloud, tokens: list[str]) -> None:
    lines = list(log_lines(cloud))
    assert any("Message not accepted" in line for line in lines), "the log is not the engine's"
    assert any("ExecutionStarted" in line for line in lines), "the log is not the state machine's"
    assert [line for line in lines if _holds(line, tokens)] == []


def test_the_history_of_executions_holds_tokens_only_where_the_customer_key_guards_what_is_needed(
    cloud: Cloud, tokens: list[str]
) -> None:
    """The input of the execution, which its first state gets too, and what `report` is given.

    Results and errors of functions hold none, nor does what any other function is given.
    """
    places = set()
    for execution in executions(cloud):
        state = ""
        for event in history(cloud, execution):
            state = event.get("stateEnteredEventDetails", {}).get("name", state)
            if _holds(json.dumps(event, default=str), tokens):
                places.add((event["type"], state))
    assert places <= {
        ("ExecutionStarted", ""),
        ("TaskStateEntered", "Validate inputs"),
        ("LambdaFunctionScheduled", "Report success"),
        ("LambdaFunctionScheduled", "Report failure"),
        ("LambdaFunctionScheduled", "Report termination"),
    }


def _holds(text: str, tokens: list[str]) -> bool:
    return any(token in text for token in tokens)
