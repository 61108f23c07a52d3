"""The inline functions behind the custom resources."""

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from product_template.inline import custom_resources
from tests.support.response_url import Answers, event_for

BUCKET = "backup-bucket-123456789012-dev"


@pytest.fixture
def s3(aws: Callable[[str], Any]) -> Any:
    client = aws("s3")
    client.create_bucket(Bucket=BUCKET)
    client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    return client


def handle(
    answers: Answers, request_type: str, bucket: str = BUCKET, remaining: int = 900_000
) -> dict[str, Any]:
    event = event_for(answers, request_type, BucketName=bucket)
    custom_resources.empty_bucket(event, SimpleNamespace(get_remaining_time_in_millis=lambda: remaining))
    [answer] = answers.received
    return answer


def test_delete_removes_every_version_and_delete_marker(s3: Any, answers: Answers) -> None:
    for number in range(1001):  # a listing has 1000 at most
        s3.put_object(Bucket=BUCKET, Key=f"backup-{number % 500}", Body=b"data")
    s3.delete_object(Bucket=BUCKET, Key="backup-0")
    assert handle(answers, "Delete")["Status"] == "SUCCESS"
    s3.delete_bucket(Bucket=BUCKET)


@pytest.mark.usefixtures("s3")
def test_an_answer_names_the_request_it_belongs_to(answers: Answers) -> None:
    assert handle(answers, "Delete") == {
        "Status": "SUCCESS",
        "Reason": f"Delete of {BUCKET}",
        "PhysicalResourceId": "id-before",
        "StackId": "arn:aws:cloudformation:us-east-1:123456789012:stack/TapStack/1",
        "RequestId": "request-1",
        "LogicalResourceId": "BackupsEmptyOnDelete",
        "Content-Type": "",  # the URL is signed for no content type
    }


def test_nothing_gets_in_once_the_bucket_is_being_emptied(s3: Any, answers: Answers) -> None:
    handle(answers, "Delete")
    [statement] = json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])["Statement"]
    assert statement == {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{BUCKET}/*",
    }


@pytest.mark.parametrize("request_type", ["Create", "Update"])
def test_create_and_update_leave_the_bucket_alone(s3: Any, answers: Answers, request_type: str) -> None:
    s3.put_object(Bucket=BUCKET, Key="backup", Body=b"data")
    answer = handle(answers, request_type)
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", BUCKET)
    assert s3.get_object(Bucket=BUCKET, Key="backup")["Body"].read() == b"data"


@pytest.mark.usefixtures("s3")
def test_a_bucket_that_is_gone_is_empty(answers: Answers) -> None:
    assert handle(answers, "Delete", bucket="no-such-bucket")["Status"] == "SUCCESS"


@pytest.mark.usefixtures("s3")
def test_a_failure_is_answered_with_its_reason(answers: Answers) -> None:
    answer = handle(answers, "Delete", bucket="Not A Bucket Name")
    assert answer["Status"] == "FAILED"
    assert "Not A Bucket Name" in answer["Reason"]


def test_a_bucket_too_large_for_one_run_is_answered_before_time_is_up(s3: Any, answers: Answers) -> None:
    s3.put_object(Bucket=BUCKET, Key="backup", Body=b"data")
    answer = handle(answers, "Delete", remaining=59_000)
    assert answer["Status"] == "FAILED"
    assert "delete the stack again to go on" in answer["Reason"]


class TestDefaultSecurityGroup:
    @pytest.fixture
    def ec2(self, aws: Callable[[str], Any]) -> Any:
        return aws("ec2")

    @pytest.fixture
    def group(self, ec2: Any) -> str:
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        [group] = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc]}])[
            "SecurityGroups"
        ]
        assert group["IpPermissionsEgress"]  # EC2 makes the group with a rule that lets everything out
        members = [{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group["GroupId"]}]}]
        ec2.authorize_security_group_ingress(GroupId=group["GroupId"], IpPermissions=members)
        return str(group["GroupId"])

    @pytest.mark.parametrize("request_type", ["Create", "Update"])
    def test_it_is_closed(self, ec2: Any, group: str, answers: Answers, request_type: str) -> None:
        custom_resources.close_security_group(event_for(answers, request_type, GroupId=group), None)
        [closed] = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]
        assert (closed["IpPermissions"], closed["IpPermissionsEgress"]) == ([], [])
        assert [(answer["Status"], answer["PhysicalResourceId"]) for answer in answers.received] == [
            ("SUCCESS", group)
        ]

    def test_closing_a_closed_one_is_no_failure(self, group: str, answers: Answers) -> None:
        for _ in range(2):
            custom_resources.close_security_group(event_for(answers, "Update", GroupId=group), None)
        assert [answer["Status"] for answer in answers.received] == ["SUCCESS", "SUCCESS"]

    def test_it_stays_closed_when_the_stack_is_deleted(self, group: str, answers: Answers) -> None:
        custom_resources.close_security_group(event_for(answers, "Create", GroupId=group), None)
        custom_resources.close_security_group(event_for(answers, "Delete", GroupId=group), None)
        assert answers.received[-1]["Status"] == "SUCCESS"

    @pytest.mark.usefixtures("ec2")
    def test_a_group_that_is_not_there_is_answered_with_the_reason(self, answers: Answers) -> None:
        custom_resources.close_security_group(event_for(answers, "Create", GroupId="sg-12345678"), None)
        assert answers.received[0]["Status"] == "FAILED"
        assert "sg-12345678" in answers.received[0]["Reason"]
