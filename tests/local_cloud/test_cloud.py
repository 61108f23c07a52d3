import json
import os
import socket
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import boto3
import pytest
from botocore.config import Config

from local_cloud.cloud import AlreadyRunningError, Cloud
from tests.support.account import Account, refusal


def children() -> set[str]:
    found = set()
    for status in Path("/proc").glob("[0-9]*/status"):
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            if f"PPid:\t{os.getpid()}\n" in status.read_text():
                found.add(status.parent.name)
    return found


def test_a_stopped_cloud_leaves_no_thread_no_process_and_no_state_behind() -> None:
    threads, processes = set(threading.enumerate()), children()
    with Cloud() as first:
        account = Account(first)
        account.function("left", "def handle(event, context): return 1")
        assert account.invoke("left") == 1
        assert children() > processes
    assert set(threading.enumerate()) <= threads
    assert children() <= processes
    with Cloud() as second:
        assert second.client("lambda").list_functions()["Functions"] == []


def test_two_clouds_in_one_process_are_refused() -> None:
    with Cloud(), pytest.raises(AlreadyRunningError, match="stop it first"), Cloud():
        pass


def test_it_serves_on_the_port_it_is_given_and_refuses_one_that_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match="in use"), Cloud(port=port):
            pass
    with Cloud(port=port) as cloud:
        assert cloud.endpoint == f"http://127.0.0.1:{port}"


def test_a_proxy_of_the_environment_is_not_asked_for_what_is_on_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with Cloud() as cloud:
        assert cloud.client("sqs").list_queues().get("QueueUrls", []) == []


def test_what_moto_cannot_do_is_told_as_a_service_error_and_not_as_a_page_of_html() -> None:
    with Cloud() as cloud:
        quotas = cloud.client("service-quotas")
        request = {"ServiceCode": "vpc", "QuotaCode": "L-F678F1CE", "DesiredValue": 10.0}
        assert refusal(quotas.request_service_quota_increase, **request).startswith("NotImplemented: ")


def test_any_aws_client_may_come_in_from_outside() -> None:
    with Cloud() as cloud:
        client = boto3.client(
            "sts",
            endpoint_url=cloud.endpoint,
            region_name="us-east-1",
            aws_access_key_id="anything",
            aws_secret_access_key="anything",
            config=Config(retries={"total_max_attempts": 1}),
        )
        assert client.get_caller_identity()["Account"] == "123456789012"


@pytest.fixture
def hasty_threads() -> Iterator[None]:
    """Let threads take turns a thousand times as often as they do by themselves."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(before / 1000)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("hasty_threads")
def test_many_callers_at_once_do_not_disturb_each_other() -> None:
    with Cloud() as cloud:
        iam = cloud.client("iam")
        statement = {"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}
        trust = '{"Version": "2012-10-17", "Statement": []}'
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})

        def come_and_go(caller: int) -> None:
            name = f"role-{caller}"
            iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)
            for number in range(3):
                policy = iam.create_policy(PolicyName=f"{name}-{number}", PolicyDocument=document)["Policy"]
                iam.attach_role_policy(RoleName=name, PolicyArn=policy["Arn"])
                iam.detach_role_policy(RoleName=name, PolicyArn=policy["Arn"])
                iam.delete_policy(PolicyArn=policy["Arn"])
            iam.delete_role(RoleName=name)

        with ThreadPoolExecutor(8) as callers:
            assert len(list(callers.map(come_and_go, range(8)))) == 8


def test_a_metric_filter_that_is_put_again_is_the_same_one(cloud: Cloud) -> None:
    logs = cloud.client("logs")
    logs.create_log_group(logGroupName="log")
    metric = {"metricName": "Lines", "metricNamespace": "Demo", "metricValue": "1"}
    for pattern in ("one", "two"):
        logs.put_metric_filter(
            logGroupName="log", filterName="lines", filterPattern=pattern, metricTransformations=[metric]
        )
    [found] = logs.describe_metric_filters(logGroupName="log")["metricFilters"]
    assert found["filterPattern"] == "two"
