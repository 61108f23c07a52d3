"""A cloud with a product on offer whose engine is the test itself."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local_cloud.cloud import Cloud
from local_cloud.iam.trust import ADMINISTRATOR
from tests.support.service_catalog import (
    GATHER,
    QUEUES,
    SERVICE,
    TEMPLATE,
    TRUST,
    Engine,
    Shop,
    _packed,
    document,
)


@pytest.fixture(scope="package")
def cloud() -> Iterator[Cloud]:
    with Cloud(speed=1000) as cloud:
        s3 = cloud.client("s3")
        s3.create_bucket(Bucket="templates")
        s3.put_object(Bucket="templates", Key="demo.json", Body=TEMPLATE)
        iam = cloud.client("iam")
        iam.create_role(RoleName="SCLaunch-Demo", AssumeRolePolicyDocument=TRUST)
        iam.put_role_policy(RoleName="SCLaunch-Demo", PolicyName="Gather", PolicyDocument=GATHER)
        yield cloud


@pytest.fixture(scope="package")
def engine(cloud: Cloud) -> Engine:
    sqs = cloud.client("sqs")
    urls = {}
    for queue in QUEUES:
        name = f"ServiceCatalogExternal{queue}OperationQueue"
        arn = f"arn:aws:sqs:us-east-1:123456789012:{name}"
        policy = document(Principal={"Service": SERVICE}, Action="sqs:SendMessage", Resource=arn)
        urls[queue] = sqs.create_queue(QueueName=name, Attributes={"Policy": policy})["QueueUrl"]
    return Engine(cloud, urls)


@pytest.fixture(scope="package")
def shop(cloud: Cloud, engine: Engine) -> Shop:
    client = cloud.client("servicecatalog")
    portfolio = client.create_portfolio(
        DisplayName="Demo", ProviderName="Team", Tags=[{"Key": "a", "Value": "b"}]
    )
    portfolio_id = portfolio["PortfolioDetail"]["Id"]
    client.associate_principal_with_portfolio(
        PortfolioId=portfolio_id, PrincipalARN=ADMINISTRATOR, PrincipalType="IAM"
    )
    product = Shop(cloud, engine, portfolio_id, "", "").offer()
    product_id = product["ProductViewDetail"]["ProductViewSummary"]["ProductId"]
    client.associate_product_with_portfolio(ProductId=product_id, PortfolioId=portfolio_id)
    client.create_constraint(
        PortfolioId=portfolio_id,
        ProductId=product_id,
        Type="LAUNCH",
        Parameters=json.dumps({"LocalRoleName": "SCLaunch-Demo"}),
    )
    return Shop(cloud, engine, portfolio_id, product_id, product["ProvisioningArtifactDetail"]["Id"])


@pytest.fixture(scope="package")
def function(cloud: Cloud) -> str:
    """The parser function, which lets nobody in yet."""
    name = "ServiceCatalogExternalParameterParser"
    trust = document(Principal={"Service": "lambda.amazonaws.com"}, Action="sts:AssumeRole")
    role = cloud.client("iam").create_role(RoleName="Parser", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    cloud.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.13",
        Role=role,
        Handler="parser.handle",
        Code={"ZipFile": _packed(None)},
    )
    return name


@pytest.fixture
def parser(cloud: Cloud, function: str) -> Iterator[Callable[..., None]]:
    """Let Service Catalog in, and answer with what is given; "echo" and "fail" do as they say."""
    functions = cloud.client("lambda")

    def install(answer: Any, source_account: str = "123456789012") -> None:
        functions.update_function_code(FunctionName=function, ZipFile=_packed(answer))
        functions.add_permission(
            FunctionName=function,
            StatementId="ServiceCatalog",
            Action="lambda:InvokeFunction",
            Principal=SERVICE,
            SourceAccount=source_account,
        )

    yield install
    functions.remove_permission(FunctionName=function, StatementId="ServiceCatalog")
