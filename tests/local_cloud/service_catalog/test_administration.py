"""Portfolios, products, versions and constraints, as CloudFormation and administrators make them."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.account import refusal
from tests.support.service_catalog import LAUNCH_ROLE, TEMPLATE_URL, TRUST, Shop, document


def created(shop: Shop) -> str:
    return str(shop.offer()["ProductViewDetail"]["ProductViewSummary"]["ProductId"])


def test_identifiers_and_arns_look_like_those_of_aws(shop: Shop) -> None:
    portfolio = shop.client.describe_portfolio(Id=shop.portfolio_id)["PortfolioDetail"]
    assert portfolio["ARN"] == f"arn:aws:catalog:us-east-1:123456789012:portfolio/{shop.portfolio_id}"
    product = shop.client.describe_product_as_admin(Id=shop.product_id)["ProductViewDetail"]
    assert product["ProductARN"] == f"arn:aws:catalog:us-east-1:123456789012:product/{shop.product_id}"
    for prefix, identifier in (
        ("port", shop.portfolio_id),
        ("prod", shop.product_id),
        ("pa", shop.artifact_id),
        ("prodview", product["ProductViewSummary"]["Id"]),
    ):
        assert re.fullmatch(f"{prefix}-[a-z0-9]{{13}}", identifier)


@pytest.mark.parametrize(
    ("artifact", "told"),
    [
        (
            {"DisableTemplateValidation": False},
            "InvalidParametersException: Product type EXTERNAL requires DisableTemplateValidation set to "
            "true",
        ),
        (
            {"Type": "CLOUD_FORMATION_TEMPLATE"},
            "InvalidParametersException: The EXTERNAL Product Type only supports the following "
            "ProvisioningArtifact Types: EXTERNAL",
        ),
        ({"Info": {"ImportFromPhysicalId": "arn"}}, "InvalidParametersException"),
        ({"Info": {"LoadTemplateFromURL": TEMPLATE_URL + "x"}}, "InvalidParametersException: Could not read"),
        (
            {"Info": {"LoadTemplateFromURL": "s3://templates/demo.json"}},
            "InvalidParametersException: Invalid",
        ),
        ({"Info": {"LoadTemplateFromURL": "https://example.com/a/b"}}, "InvalidParametersException: Invalid"),
    ],
)
def test_an_artifact_that_service_catalog_would_not_take_is_refused(
    shop: Shop, artifact: dict[str, Any], told: str
) -> None:
    assert refusal(shop.offer, **artifact).startswith(told)


@pytest.mark.parametrize(
    "url",
    [
        "https://s3.amazonaws.com/templates/demo.json",
        "https://templates.s3.amazonaws.com/demo.json",
        "https://templates.s3.us-east-1.amazonaws.com/demo.json",
    ],
)
def test_every_https_form_of_an_s3_url_is_read(shop: Shop, url: str) -> None:
    assert shop.offer(Info={"LoadTemplateFromURL": url})["ProvisioningArtifactDetail"]["Type"] == "EXTERNAL"


def test_the_template_is_read_with_the_permissions_of_the_caller(shop: Shop) -> None:
    iam = shop.cloud.client("iam")
    trust = TRUST.replace('{"Service": "servicecatalog.amazonaws.com"}', '{"AWS": "*"}')
    role = iam.create_role(RoleName="Deployer", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    allowed = document(Action="servicecatalog:CreateProvisioningArtifact", Resource="*")
    iam.put_role_policy(RoleName="Deployer", PolicyName="Create", PolicyDocument=allowed)
    create = shop.cloud.identity.client("servicecatalog", role).create_provisioning_artifact
    version = {
        "ProductId": created(shop),
        "Parameters": {
            "Name": "2",
            "Type": "EXTERNAL",
            "DisableTemplateValidation": True,
            "Info": {"LoadTemplateFromURL": TEMPLATE_URL},
        },
    }
    assert refusal(create, **version).startswith("InvalidParametersException: Access denied")
    policy = document(Action="s3:Get*", Resource="arn:aws:s3:::templates/*")
    iam.put_role_policy(RoleName="Deployer", PolicyName="Read", PolicyDocument=policy)
    assert create(**version)["ProvisioningArtifactDetail"]["Name"] == "2"


def test_a_later_change_behind_the_url_does_not_change_the_version(shop: Shop) -> None:
    s3 = shop.cloud.client("s3")
    s3.put_object(Bucket="templates", Key="changing.json", Body=b"first")
    url = "https://s3.amazonaws.com/templates/changing.json"
    product = shop.offer(Info={"LoadTemplateFromURL": url})
    s3.put_object(Bucket="templates", Key="changing.json", Body=b"second")
    info = shop.client.describe_provisioning_artifact(
        ProductId=product["ProductViewDetail"]["ProductViewSummary"]["ProductId"],
        ProvisioningArtifactId=product["ProvisioningArtifactDetail"]["Id"],
    )["Info"]
    bucket, key = re.fullmatch(
        r"https://(.+)\.s3\.us-east-1\.amazonaws\.com/(.+)", info["TemplateUrl"]
    ).groups()  # type: ignore[union-attr]
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"first"


def test_what_is_in_use_is_not_deleted(shop: Shop) -> None:
    client = shop.client
    assert refusal(client.delete_product, Id=shop.product_id).startswith("ResourceInUseException")
    assert refusal(client.delete_portfolio, Id=shop.portfolio_id).startswith("ResourceInUseException")
    told = refusal(
        client.disassociate_product_from_portfolio, ProductId=shop.product_id, PortfolioId=shop.portfolio_id
    )
    assert told.startswith("ResourceInUseException")
    product = shop.offer()
    told = refusal(
        client.delete_provisioning_artifact,
        ProductId=product["ProductViewDetail"]["ProductViewSummary"]["ProductId"],
        ProvisioningArtifactId=product["ProvisioningArtifactDetail"]["Id"],
    )
    assert told.startswith("ResourceInUseException")


def test_everything_can_be_taken_down_in_order(shop: Shop) -> None:
    client, product_id = shop.client, created(shop)
    portfolio_id = client.create_portfolio(DisplayName="Short", ProviderName="Team")["PortfolioDetail"]["Id"]
    client.associate_product_with_portfolio(ProductId=product_id, PortfolioId=portfolio_id)
    constraint = client.create_constraint(
        PortfolioId=portfolio_id,
        ProductId=product_id,
        Type="LAUNCH",
        Parameters=json.dumps({"RoleArn": LAUNCH_ROLE}),
    )["ConstraintDetail"]
    listed = client.list_constraints_for_portfolio(PortfolioId=portfolio_id)["ConstraintDetails"]
    assert listed == [constraint]
    assert (
        client.list_portfolios_for_product(ProductId=product_id)["PortfolioDetails"][0]["Id"] == portfolio_id
    )
    client.delete_constraint(Id=constraint["ConstraintId"])
    client.disassociate_product_from_portfolio(ProductId=product_id, PortfolioId=portfolio_id)
    client.delete_product(Id=product_id)
    client.delete_portfolio(Id=portfolio_id)
    assert refusal(client.describe_portfolio, Id=portfolio_id).startswith("ResourceNotFoundException")
    assert refusal(client.describe_product_as_admin, Id=product_id).startswith("ResourceNotFoundException")


@pytest.mark.parametrize(
    ("kind", "parameters", "told"),
    [
        ("LAUNCH", '{"LocalRoleName": "SCLaunch-Demo"}', "DuplicateResourceException"),
        ("TEMPLATE", "{}", "InvalidParametersException: Constraint type TEMPLATE is not supported"),
        ("STACKSET", "{}", "InvalidParametersException: Constraint type STACKSET is not supported"),
    ],
)
def test_a_constraint_that_external_products_cannot_have_is_refused(
    shop: Shop, kind: str, parameters: str, told: str
) -> None:
    ids = {"PortfolioId": shop.portfolio_id, "ProductId": shop.product_id}
    assert refusal(shop.client.create_constraint, **ids, Type=kind, Parameters=parameters).startswith(told)


@pytest.mark.parametrize(
    "parameters",
    ["{}", "no json", '{"LocalRoleName": "Nobody"}', '{"LocalRoleName": "Untrusting"}', '{"RoleArn": "x"}'],
)
def test_a_launch_role_is_assumed_when_its_constraint_is_made(shop: Shop, parameters: str) -> None:
    client, product_id = shop.client, created(shop)
    if "Untrusting" in parameters:
        trust = TRUST.replace("servicecatalog", "ec2")
        shop.cloud.client("iam").create_role(RoleName="Untrusting", AssumeRolePolicyDocument=trust)
    client.associate_product_with_portfolio(ProductId=product_id, PortfolioId=shop.portfolio_id)
    ids = {"PortfolioId": shop.portfolio_id, "ProductId": product_id}
    told = refusal(client.create_constraint, **ids, Type="LAUNCH", Parameters=parameters)
    assert told.startswith("InvalidParametersException")


def test_a_launch_role_may_trust_service_catalog_for_this_account_only(shop: Shop) -> None:
    trust = document(
        Principal={"Service": "servicecatalog.amazonaws.com"},
        Action="sts:AssumeRole",
        Condition={
            "StringEquals": {"aws:SourceAccount": "123456789012"},
            "ArnLike": {"aws:SourceArn": "arn:aws:servicecatalog:us-east-1:123456789012:*"},
        },
    )
    shop.cloud.client("iam").create_role(RoleName="Careful", AssumeRolePolicyDocument=trust)
    product_id = created(shop)
    shop.client.associate_product_with_portfolio(ProductId=product_id, PortfolioId=shop.portfolio_id)
    constraint = shop.client.create_constraint(
        PortfolioId=shop.portfolio_id,
        ProductId=product_id,
        Type="LAUNCH",
        Parameters='{"LocalRoleName": "Careful"}',
    )
    assert constraint["Status"] == "AVAILABLE"


@pytest.mark.parametrize(
    ("arn", "kind"),
    [
        ("arn:aws:iam::123456789012:role/Nobody", "IAM"),
        ("arn:aws:iam::123456789012:role/Nobody", "IAM_PATTERN"),
        ("arn:aws:iam:::ro*/x", "IAM_PATTERN"),
    ],
)
def test_a_principal_that_cannot_be_is_refused(shop: Shop, arn: str, kind: str) -> None:
    told = refusal(
        shop.client.associate_principal_with_portfolio,
        PortfolioId=shop.portfolio_id,
        PrincipalARN=arn,
        PrincipalType=kind,
    )
    assert told.startswith("InvalidParametersException")


def test_products_and_portfolios_can_be_changed(shop: Shop) -> None:
    client, product_id = shop.client, created(shop)
    changed = client.update_product(
        Id=product_id, Name="Renamed", SupportEmail="a@example.com", AddTags=[{"Key": "a", "Value": "1"}]
    )
    assert changed["ProductViewDetail"]["ProductViewSummary"]["Name"] == "Renamed"
    assert client.update_product(Id=product_id, RemoveTags=["a"])["Tags"] == []
    found = client.search_products_as_admin(Filters={"FullTextSearch": ["renamed"]})["ProductViewDetails"]
    assert [each["ProductViewSummary"]["ProductId"] for each in found] == [product_id]
    artifacts = client.list_provisioning_artifacts(ProductId=product_id)["ProvisioningArtifactDetails"]
    client.update_provisioning_artifact(
        ProductId=product_id, ProvisioningArtifactId=artifacts[0]["Id"], Description="text"
    )
    artifacts = client.list_provisioning_artifacts(ProductId=product_id)["ProvisioningArtifactDetails"]
    assert artifacts[0]["Description"] == "text"


def test_the_unmodified_aws_command_reads_the_catalog(shop: Shop) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_ENDPOINT_URL": shop.cloud.endpoint,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
    }
    aws = [str(Path(sys.executable).parent / "aws"), "servicecatalog", "list-portfolios", "--output", "json"]
    done = subprocess.run(aws, env=environment, capture_output=True, text=True, check=True)
    assert shop.portfolio_id in [each["Id"] for each in json.loads(done.stdout)["PortfolioDetails"]]
