"""The inline function that tells Service Catalog which versions are deprecated or inactive."""

from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from catalog_stack.inline import version_guidance
from tests.support.response_url import Answers, event_for

PRODUCT = "prod-n3frsv3vnznzo"
OLD = {"Name": "1.0.0", "Guidance": "DEPRECATED", "Active": "false"}
NEW = {"Name": "1.1.0", "Guidance": "DEFAULT", "Active": "true"}


@pytest.fixture
def service_catalog(stubbed: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    client, stub = stubbed("servicecatalog")
    monkeypatch.setattr(boto3, "client", lambda _: client)
    monkeypatch.setattr(version_guidance, "PAUSE", 0)
    return stub


def listed(stub: Any, *names: str, **more: Any) -> None:
    details = [
        {"Id": f"pa-{name}", "Name": name, "Guidance": "DEFAULT", "Active": True} | more for name in names
    ]
    stub.add_response(
        "list_provisioning_artifacts", {"ProvisioningArtifactDetails": details}, {"ProductId": PRODUCT}
    )


def marked(stub: Any, version: dict[str, str]) -> None:
    expected = {
        "ProductId": PRODUCT,
        "ProvisioningArtifactId": f"pa-{version['Name']}",
        "Guidance": version["Guidance"],
        "Active": version["Active"] == "true",
    }
    stub.add_response("update_provisioning_artifact", {}, expected)


def handle(answers: Answers, request_type: str, remaining: int = 300_000) -> dict[str, Any]:
    event = event_for(answers, request_type, ProductId=PRODUCT, Versions=[OLD, NEW])
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: remaining)
    version_guidance.mark_versions(event, context)
    [answer] = answers.received
    return answer


@pytest.mark.parametrize("request_type", ["Create", "Update"])
def test_a_version_that_is_not_as_it_should_be_is_changed(
    service_catalog: Any, answers: Answers, request_type: str
) -> None:
    listed(service_catalog, "1.0.0", "1.1.0", "by hand")
    marked(service_catalog, OLD)
    answer = handle(answers, request_type)
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", PRODUCT)


def test_a_version_may_be_offered_again(service_catalog: Any, answers: Answers) -> None:
    listed(service_catalog, "1.0.0", "1.1.0", Guidance="DEPRECATED", Active=False)
    marked(service_catalog, NEW)
    assert handle(answers, "Update")["Status"] == "SUCCESS"


def test_versions_that_service_catalog_does_not_find_yet_are_marked_later(
    service_catalog: Any, answers: Answers
) -> None:
    not_found = "ResourceNotFoundException"
    service_catalog.add_client_error("list_provisioning_artifacts", not_found)
    listed(service_catalog, "1.1.0")
    listed(service_catalog, "1.0.0", "1.1.0")
    service_catalog.add_client_error("update_provisioning_artifact", not_found)
    listed(service_catalog, "1.0.0", "1.1.0")
    marked(service_catalog, OLD)
    assert handle(answers, "Create")["Status"] == "SUCCESS"


def test_a_version_that_is_never_found_fails_the_deployment_by_its_name(
    service_catalog: Any, answers: Answers
) -> None:
    listed(service_catalog, "1.1.0")
    answer = handle(answers, "Create", remaining=29_000)
    assert answer["Status"] == "FAILED"
    assert f"does not find 1.0.0 among the versions of {PRODUCT}" in answer["Reason"]


@pytest.mark.usefixtures("service_catalog")
def test_a_deleted_catalog_takes_its_versions_along(answers: Answers) -> None:
    answer = handle(answers, "Delete")
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", "id-before")


def test_a_refusal_is_answered_in_the_services_words(service_catalog: Any, answers: Answers) -> None:
    service_catalog.add_client_error("list_provisioning_artifacts", "AccessDeniedException", "not authorized")
    answer = handle(answers, "Create")
    assert answer["Status"] == "FAILED"
    assert "not authorized" in answer["Reason"]
