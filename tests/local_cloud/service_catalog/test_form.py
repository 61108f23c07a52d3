"""What users see before they launch, and the parser that tells the parameters."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.account import refusal
from tests.support.service_catalog import LAUNCH_ROLE, TRUST, Shop, document

Install = Callable[..., None]
ENV = {"key": "Env", "defaultValue": "dev", "type": "String", "description": "Where", "isNoEcho": False}
UNPARSABLE = (
    "InvalidParametersException: Unable to parse or process ServiceCatalogExternalParameterParser lambda "
    "response as JSON object"
)


def form(shop: Shop) -> dict[str, Any]:
    answer: dict[str, Any] = shop.client.describe_provisioning_parameters(
        ProductId=shop.product_id, ProvisioningArtifactId=shop.artifact_id
    )
    return answer


def refused_form(shop: Shop) -> str:
    return refusal(
        shop.client.describe_provisioning_parameters,
        ProductId=shop.product_id,
        ProvisioningArtifactId=shop.artifact_id,
    )


def test_the_form_shows_what_the_parser_found_in_its_order(shop: Shop, parser: Install) -> None:
    parser({"parameters": [ENV, ENV | {"key": "Secret", "isNoEcho": True, "defaultValue": ""}]})
    answer = form(shop)
    assert answer["ProvisioningArtifactParameters"] == [
        {
            "ParameterKey": key,
            "DefaultValue": default,
            "ParameterType": "String",
            "IsNoEcho": hidden,
            "Description": "Where",
            "ParameterConstraints": {"AllowedValues": []},
        }
        for key, default, hidden in (("Env", "dev", False), ("Secret", "", True))
    ]
    assert answer["ConstraintSummaries"] == [{"Type": "LAUNCH"}]


def test_the_parser_gets_the_artifact_in_lower_case_and_the_launch_role(shop: Shop, parser: Install) -> None:
    parser("echo")
    event = json.loads(form(shop)["ProvisioningArtifactParameters"][0]["Description"])
    assert event["artifact"]["path"].startswith("s3://sc-")
    assert event == {
        "artifact": {"path": event["artifact"]["path"], "type": "AWS_S3"},
        "launchRoleArn": LAUNCH_ROLE,
    }


def test_the_parser_gets_no_launch_role_where_no_path_is_known(shop: Shop, parser: Install) -> None:
    parser("echo")
    answer = shop.client.describe_provisioning_artifact(
        ProductId=shop.product_id,
        ProvisioningArtifactId=shop.artifact_id,
        IncludeProvisioningArtifactParameters=True,
    )
    event = json.loads(answer["ProvisioningArtifactParameters"][0]["Description"])
    assert event.keys() == {"artifact"}


@pytest.mark.parametrize(
    "answer",
    [
        {"parameters": [{key: ENV[key] for key in ENV if key != "defaultValue"}]},
        {"parameters": [ENV, ENV | {"defaultValue": 1}]},
        {"parameters": [ENV | {"isNoEcho": "false"}]},
        {"parameters": {}},
    ],
)
def test_an_answer_without_all_five_fields_is_not_understood(
    shop: Shop, parser: Install, answer: Any
) -> None:
    parser(answer)
    assert refused_form(shop) == UNPARSABLE


def test_the_message_of_a_failing_parser_reaches_the_user(shop: Shop, parser: Install) -> None:
    parser("fail")
    assert refused_form(shop) == (
        "InvalidParametersException: Error occurred during parameter parsing: the artifact is no template"
    )


def test_a_parser_that_does_not_let_us_in_is_not_invoked(shop: Shop, parser: Install) -> None:
    assert refused_form(shop).startswith("InvalidParametersException: Access denied while invoking")
    parser({"parameters": []}, source_account="111111111111")
    assert refused_form(shop).startswith("InvalidParametersException: Access denied while invoking")


def test_verbose_is_refused_for_external_products(shop: Shop) -> None:
    told = refusal(
        shop.client.describe_provisioning_artifact,
        ProductId=shop.product_id,
        ProvisioningArtifactId=shop.artifact_id,
        Verbose=True,
    )
    assert told == "InvalidParametersException: Verbose cannot be true for Product type EXTERNAL."


def test_the_product_is_on_offer_with_its_path(shop: Shop) -> None:
    found = shop.client.search_products(Filters={"SourceProductId": [shop.product_id]})[
        "ProductViewSummaries"
    ]
    assert [(each["ProductId"], each["Type"], each["HasDefaultPath"]) for each in found] == [
        (shop.product_id, "EXTERNAL", True)
    ]
    view = shop.client.describe_product_view(Id=found[0]["Id"])
    assert view["ProductViewSummary"]["ProductId"] == shop.product_id
    path = shop.client.list_launch_paths(ProductId=shop.product_id)["LaunchPathSummaries"][0]
    assert re.fullmatch(r"lpv3-[a-z0-9]{13}", path["Id"])
    assert (path["Name"], path["Tags"]) == ("Demo", [{"Key": "a", "Value": "b"}])


def test_somebody_without_access_finds_nothing_until_the_portfolio_is_opened(shop: Shop) -> None:
    trust = TRUST.replace('{"Service": "servicecatalog.amazonaws.com"}', '{"AWS": "*"}')
    iam = shop.cloud.client("iam")
    role = iam.create_role(RoleName="Teams", Path="/people/", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    policy = document(Action="servicecatalog:*", Resource="*")
    iam.put_role_policy(RoleName="Teams", PolicyName="Users", PolicyDocument=policy)
    user = shop.cloud.identity.client("servicecatalog", role)
    assert user.search_products()["ProductViewSummaries"] == []
    told = refusal(user.list_launch_paths, ProductId=shop.product_id)
    assert told == f"ResourceNotFoundException: No launch paths found for resource: {shop.product_id}"
    assert refusal(user.describe_product, Id=shop.product_id).startswith("ResourceNotFoundException")
    told = refusal(
        user.provision_product,
        ProductId=shop.product_id,
        ProvisioningArtifactId=shop.artifact_id,
        ProvisionedProductName="x",
    )
    assert told == f"ResourceNotFoundException: No launch paths found for resource: {shop.product_id}"
    pattern = {"PrincipalARN": "arn:aws:iam:::role/people/T*", "PrincipalType": "IAM_PATTERN"}
    shop.client.associate_principal_with_portfolio(PortfolioId=shop.portfolio_id, **pattern)
    assert len(user.list_launch_paths(ProductId=shop.product_id)["LaunchPathSummaries"]) == 1
    shop.client.disassociate_principal_from_portfolio(PortfolioId=shop.portfolio_id, **pattern)
    assert user.search_products()["ProductViewSummaries"] == []


def test_several_paths_must_be_told_apart(shop: Shop) -> None:
    client = shop.client
    other = client.create_portfolio(DisplayName="Other", ProviderName="Team")["PortfolioDetail"]["Id"]
    client.associate_principal_with_portfolio(
        PortfolioId=other, PrincipalARN="arn:aws:iam:::user/admin*", PrincipalType="IAM_PATTERN"
    )
    client.associate_product_with_portfolio(ProductId=shop.product_id, PortfolioId=other)
    told = refusal(shop.launch)
    assert told == (
        "InvalidParametersException: More than one launch path ids exist. Please specify the launch path id"
    )
    shop.launched(PathName="Demo")
    client.disassociate_product_from_portfolio(ProductId=shop.product_id, PortfolioId=other)
