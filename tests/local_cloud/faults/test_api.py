"""The switches that make API calls go wrong, as clients of the services meet them."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError
from botocore.parsers import ResponseParserError

from local_cloud.cloud import Cloud
from local_cloud.faults import api as effects
from local_cloud.faults.api import ApiFaults, Call
from tests.support.account import Account, document


@pytest.fixture
def faults(cloud: Cloud) -> Iterator[ApiFaults]:
    switches = cloud.faults.api
    yield switches
    assert not switches._faults, "a test leaves a fault behind"


CALLS: list[tuple[str, str, dict[str, Any]]] = [
    ("cloudformation", "describe_stacks", {}),
    ("ec2", "describe_vpcs", {}),
    ("stepfunctions", "list_state_machines", {}),
    ("s3", "list_objects_v2", {"Bucket": "faults"}),
    ("lambda", "list_functions", {}),
]


@pytest.fixture(scope="module", autouse=True)
def bucket(cloud: Cloud) -> None:
    cloud.client("s3").create_bucket(Bucket="faults")


@pytest.mark.parametrize(
    ("effect", "codes"),
    [
        (
            effects.throttle,
            {
                "cloudformation": "Throttling",
                "ec2": "RequestLimitExceeded",
                "stepfunctions": "ThrottlingException",
                "s3": "SlowDown",
                "lambda": "TooManyRequestsException",
            },
        ),
        (
            effects.deny,
            {
                "cloudformation": "AccessDenied",
                "ec2": "UnauthorizedOperation",
                "stepfunctions": "AccessDeniedException",
                "s3": "AccessDenied",
                "lambda": "AccessDeniedException",
            },
        ),
        (
            effects.expire,
            {
                "cloudformation": "ExpiredToken",
                "ec2": "RequestExpired",
                "stepfunctions": "ExpiredTokenException",
                "s3": "ExpiredToken",
                "lambda": "ExpiredToken",
            },
        ),
        (
            effects.fail,
            {
                "cloudformation": "InternalFailure",
                "ec2": "InternalError",
                "stepfunctions": "InternalFailure",
                "s3": "InternalError",
                "lambda": "ServiceException",
            },
        ),
    ],
)
def test_each_service_refuses_in_its_own_words_as_often_as_asked(
    cloud: Cloud, faults: ApiFaults, effect: effects.Effect, codes: dict[str, str]
) -> None:
    met = {}
    for service, method, arguments in CALLS:
        ask = getattr(cloud.client(service), method)
        fault = faults.add(_of(service), effect)
        with pytest.raises(ClientError) as refused:
            ask(**arguments)
        ask(**arguments)  # once only
        faults.remove(fault)
        met[service] = refused.value.response["Error"]["Code"]
    assert met == codes


def _of(service: str) -> Callable[[Call], bool]:
    return lambda call: call.service == service


def _topics(call: Call) -> bool:
    return call.operation == "CreateTopic"


@pytest.mark.parametrize(
    ("effect", "error", "done"),
    [
        (effects.cut, ConnectionClosedError, False),
        (effects.lose, ConnectionClosedError, True),
        (effects.hang, ReadTimeoutError, True),
        (effects.garble, ResponseParserError, True),
    ],
)
def test_a_broken_exchange_breaks_as_on_a_network_and_leaves_what_it_says(
    cloud: Cloud, faults: ApiFaults, effect: effects.Effect, error: type[Exception], done: bool
) -> None:
    config = Config(retries={"total_max_attempts": 1}, read_timeout=0.3)
    session = boto3.Session("local", "local", region_name="us-east-1")
    sns = session.client("sns", endpoint_url=cloud.endpoint, config=config)
    name = f"broken-{error.__name__}-{done}"
    fault = faults.add(_topics, effect)
    with pytest.raises(error):
        sns.create_topic(Name=name)
    faults.remove(fault)
    topics = [topic["TopicArn"] for topic in cloud.client("sns").list_topics()["Topics"]]
    assert any(arn.endswith(name) for arn in topics) == done


def test_calls_are_known_by_their_caller_and_by_who_assumed_its_role(
    account: Account, faults: ApiFaults
) -> None:
    # GIVEN a function that assumes a role to make a call
    trust = document({"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"})
    role = account.client("iam").create_role(RoleName="assumed", AssumeRolePolicyDocument=trust)["Role"][
        "Arn"
    ]
    may = document({"Effect": "Allow", "Action": "sns:ListTopics", "Resource": "*"})
    account.client("iam").put_role_policy(RoleName="assumed", PolicyName="inline", PolicyDocument=may)
    code = """
import boto3
def handle(event, context):
    given = boto3.client("sts").assume_role(RoleArn=event, RoleSessionName="rec-1")["Credentials"]
    session = boto3.Session(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    session.client("sns").list_topics()
"""
    account.function("assumes", code)
    with faults.recorded() as calls:
        account.client("lambda").invoke(FunctionName="assumes", Payload=json.dumps(role))

    # THEN both are seen as what they are
    [assume] = [call for call in calls if call.operation == "AssumeRole" and "rec-1" in call.text]
    [listing] = [call for call in calls if call.operation == "ListTopics"]
    assert assume.caller.endswith("/assumes")
    assert (listing.caller.endswith("/rec-1"), listing.assumed_by) == (True, assume.caller)


def test_what_a_function_sleeps_counts_against_its_time_limit_and_passes_in_the_clouds_time(
    account: Account,
) -> None:
    code = """
import time
def handle(seconds, context):
    time.sleep(seconds)
    return context.get_remaining_time_in_millis()
"""
    account.function("sleeper", code, Timeout=60)
    assert 0 < account.invoke("sleeper", 40) <= 20_000
    assert account.invoke("sleeper", 61)["errorType"] == "Sandbox.Timedout"
