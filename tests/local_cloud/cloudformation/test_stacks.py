"""The life of a stack, through the API."""

import json
from typing import Any

import pytest

from local_cloud.cloud import Cloud
from local_cloud.cloudformation.evaluation import Evaluation
from local_cloud.faults.stack import StackFaults
from tests.support.account import refusal
from tests.support.cloudformation import finished, reasons, template, topic


def bucket(name: str) -> dict[str, Any]:
    return {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": name}}


def create(client: Any, body: str, name: str = "demo", **more: Any) -> dict[str, Any]:
    stack_id = client.create_stack(StackName=name, TemplateBody=body, **more)["StackId"]
    return finished(client, stack_id)


def history(client: Any, stack: str) -> list[tuple[str, str]]:
    events = client.describe_stack_events(StackName=stack)["StackEvents"][::-1]
    return [(event["LogicalResourceId"], event["ResourceStatus"]) for event in events]


def test_resources_are_created_after_what_they_refer_to_and_deleted_before_it(client: Any) -> None:
    body = template(
        Policy={
            "Type": "AWS::SNS::TopicPolicy",
            "Properties": {
                "Topics": [{"Ref": "Alerts"}],
                "PolicyDocument": {
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": "*",
                            "Action": "sns:Publish",
                            "Resource": {"Ref": "Alerts"},
                        }
                    ]
                },
            },
        },
        Alerts=topic("alerts"),
    )
    stack = create(client, body, ClientRequestToken="first")
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert history(client, "demo") == [
        ("demo", "CREATE_IN_PROGRESS"),
        ("Alerts", "CREATE_IN_PROGRESS"), ("Alerts", "CREATE_IN_PROGRESS"), ("Alerts", "CREATE_COMPLETE"),
        ("Policy", "CREATE_IN_PROGRESS"), ("Policy", "CREATE_IN_PROGRESS"), ("Policy", "CREATE_COMPLETE"),
        ("demo", "CREATE_COMPLETE"),
    ]  # fmt: skip
    assert {
        event["ClientRequestToken"] for event in client.describe_stack_events(StackName="demo")["StackEvents"]
    } == {"first"}
    client.delete_stack(StackName="demo")
    finished(client, stack["StackId"])
    assert history(client, stack["StackId"])[8:] == [
        ("demo", "DELETE_IN_PROGRESS"),
        ("Policy", "DELETE_IN_PROGRESS"), ("Policy", "DELETE_COMPLETE"),
        ("Alerts", "DELETE_IN_PROGRESS"), ("Alerts", "DELETE_COMPLETE"),
        ("demo", "DELETE_COMPLETE"),
    ]  # fmt: skip


def test_a_deleted_stack_is_found_by_its_id_only(client: Any) -> None:
    stack_id = create(client, template(Alerts=topic()))["StackId"]
    client.delete_stack(StackName="demo")
    assert finished(client, stack_id)["StackStatus"] == "DELETE_COMPLETE"
    assert (
        refusal(client.describe_stacks, StackName="demo")
        == "ValidationError: Stack with id demo does not exist"
    )
    client.delete_stack(StackName="demo")


def test_a_deletion_that_meets_the_end_of_the_creation_is_not_lost(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs = Evaluation.outputs

    def deleted_meanwhile(evaluation: Evaluation) -> list[dict[str, str]]:
        client.delete_stack(StackName="demo")
        return outputs(evaluation)

    monkeypatch.setattr(Evaluation, "outputs", deleted_meanwhile)
    stack_id = client.create_stack(StackName="demo", TemplateBody=template(Alerts=topic()))["StackId"]
    assert finished(client, stack_id)["StackStatus"] == "DELETE_COMPLETE"
    assert ("demo", "CREATE_COMPLETE") not in history(client, stack_id)


def test_the_waiters_of_boto3_work(client: Any) -> None:
    client.create_stack(StackName="demo", TemplateBody=template(Alerts=topic()))
    client.get_waiter("stack_create_complete").wait(StackName="demo", WaiterConfig={"Delay": 0.05})
    client.delete_stack(StackName="demo")
    client.get_waiter("stack_delete_complete").wait(StackName="demo", WaiterConfig={"Delay": 0.05})


def test_a_failed_creation_is_rolled_back(client: Any, cloud: Cloud, fault: StackFaults) -> None:
    fault.fail("Broken", "there is no room")
    body = template(Alerts=topic("kept-not"), Broken=topic(DependsOn="Alerts"))
    stack = create(client, body)
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert reasons(client, "demo") == {"Broken": "there is no room"}
    rollback = next(
        e
        for e in client.describe_stack_events(StackName="demo")["StackEvents"]
        if e["ResourceStatus"] == "ROLLBACK_IN_PROGRESS"
    )
    assert (
        rollback["ResourceStatusReason"]
        == "The following resource(s) failed to create: [Broken]. Rollback requested by user."
    )
    assert cloud.client("sns").list_topics()["Topics"] == []


@pytest.mark.parametrize(
    ("on_failure", "status"), [("DELETE", "DELETE_COMPLETE"), ("DO_NOTHING", "CREATE_FAILED")]
)
def test_on_failure_says_what_happens_to_a_failed_creation(
    client: Any, fault: StackFaults, on_failure: str, status: str
) -> None:
    fault.fail("AWS::SNS::Topic", "no")
    assert create(client, template(Alerts=topic()), OnFailure=on_failure)["StackStatus"] == status


def test_resources_under_way_are_cancelled_when_another_fails(client: Any, fault: StackFaults) -> None:
    stall = fault.stall("Slow")
    fault.fail("Broken", "no")
    create(client, template(Slow=topic(), Wait=topic(), Broken=topic(DependsOn="Wait")))
    assert stall.reached.is_set()
    assert reasons(client, "demo") == {"Slow": "Resource creation cancelled", "Broken": "no"}


def test_a_stalled_resource_is_seen_in_progress(client: Any, fault: StackFaults) -> None:
    stall = fault.stall("Alerts")
    client.create_stack(StackName="demo", TemplateBody=template(Alerts=topic()))
    assert stall.reached.wait(5)
    resource = client.describe_stack_resource(StackName="demo", LogicalResourceId="Alerts")[
        "StackResourceDetail"
    ]
    assert resource["ResourceStatus"] == "CREATE_IN_PROGRESS"
    stall.release()
    assert finished(client, "demo")["StackStatus"] == "CREATE_COMPLETE"


def test_a_creation_can_be_called_off_by_deleting_the_stack(client: Any, fault: StackFaults) -> None:
    stall = fault.stall("Alerts")
    stack_id = client.create_stack(StackName="demo", TemplateBody=template(Alerts=topic()))["StackId"]
    assert stall.reached.wait(5)
    client.delete_stack(StackName="demo")
    assert finished(client, stack_id)["StackStatus"] == "DELETE_COMPLETE"


@pytest.mark.parametrize(("times", "status"), [(2, "CREATE_COMPLETE"), (9, "ROLLBACK_COMPLETE")])
def test_a_throttled_resource_is_tried_again_a_few_times(
    client: Any, fault: StackFaults, times: int, status: str
) -> None:
    fault.throttle("Alerts", times=times)
    assert create(client, template(Alerts=topic()))["StackStatus"] == status


def test_the_api_can_be_throttled(client: Any, fault: StackFaults) -> None:
    fault.throttle_action("DescribeStacks")
    assert refusal(client.describe_stacks) == "Throttling: Rate exceeded"
    client.describe_stacks()


def test_a_bucket_with_objects_stops_the_deletion(client: Any, cloud: Cloud) -> None:
    stack_id = create(client, template(Backups=bucket("full")))["StackId"]
    s3 = cloud.client("s3")
    s3.put_object(Bucket="full", Key="k", Body=b"")
    client.delete_stack(StackName="demo")
    stack = finished(client, "demo")
    assert stack["StackStatus"] == "DELETE_FAILED"
    assert stack["StackStatusReason"] == "The following resource(s) failed to delete: [Backups]. "
    assert "The bucket you tried to delete is not empty" in reasons(client, "demo")["Backups"]
    s3.delete_object(Bucket="full", Key="k")
    client.delete_stack(StackName="demo")
    assert finished(client, stack_id)["StackStatus"] == "DELETE_COMPLETE"


def test_a_protected_stack_is_not_deleted(client: Any) -> None:
    create(client, template(Alerts=topic()), EnableTerminationProtection=True)
    assert "cannot be deleted while TerminationProtection is enabled" in refusal(
        client.delete_stack, StackName="demo"
    )


def test_a_retained_resource_survives_its_stack(client: Any, cloud: Cloud) -> None:
    stack_id = create(client, template(Alerts=topic("survivor", DeletionPolicy="Retain")))["StackId"]
    client.delete_stack(StackName="demo")
    finished(client, stack_id)
    assert ("Alerts", "DELETE_SKIPPED") in history(client, stack_id)
    (survivor,) = cloud.client("sns").list_topics()["Topics"]
    cloud.client("sns").delete_topic(TopicArn=survivor["TopicArn"])


def test_a_repeated_request_with_the_same_token_starts_nothing(client: Any) -> None:
    request = {"StackName": "demo", "TemplateBody": template(Alerts=topic()), "ClientRequestToken": "t"}
    first = client.create_stack(**request)["StackId"]
    assert client.create_stack(**request)["StackId"] == first
    assert "AlreadyExistsException" in refusal(client.create_stack, **request | {"ClientRequestToken": "u"})
    finished(client, first)
    client.delete_stack(StackName=first, ClientRequestToken="d")
    finished(client, first)
    client.delete_stack(StackName=first, ClientRequestToken="d")


def test_stack_tags_are_put_on_the_resources(client: Any, cloud: Cloud) -> None:
    create(client, template(Alerts=topic("tagged")), Tags=[{"Key": "team", "Value": "payments"}])
    arn = cloud.client("sns").list_topics()["Topics"][0]["TopicArn"]
    tags = {
        tag["Key"]: tag["Value"]
        for tag in cloud.client("sns").list_tags_for_resource(ResourceArn=arn)["Tags"]
    }
    assert tags["team"] == "payments"
    assert tags["aws:cloudformation:logical-id"] == "Alerts"


def test_more_than_a_hundred_events_come_in_pages(client: Any) -> None:
    create(client, template(**{f"Topic{number}": topic() for number in range(40)}))
    pages = list(client.get_paginator("describe_stack_events").paginate(StackName="demo"))
    assert [len(page["StackEvents"]) for page in pages] == [100, 22]


def test_a_service_role_must_trust_cloudformation(client: Any, cloud: Cloud) -> None:
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = cloud.client("iam").create_role(
        RoleName="other", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )
    arn = role["Role"]["Arn"]
    request = {"StackName": "demo", "TemplateBody": template(Alerts=topic())}
    assert (
        refusal(client.create_stack, RoleARN=arn, **request)
        == f"ValidationError: Role {arn} is invalid or cannot be assumed"
    )
    assert "is invalid or cannot be assumed" in refusal(client.create_stack, RoleARN=arn + "2", **request)


ROLE = {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "r", "AssumeRolePolicyDocument": {}}}


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        ({}, "At least one Resources member must be defined."),
        ({"A": {"Type": "AWS::No::Such"}}, "Unrecognized resource types: [AWS::No::Such]"),
        ({"A": {"Type": "AWS::EC2::Instance"}}, "does not emulate these resource types: AWS::EC2::Instance"),
        ({"A": topic({"Ref": "B"})},
        "Unresolved resource dependencies [B] in the Resources block of the template"),
        ({"A": topic({"Fn::GetAtt": ["A", "X"]})},
        "resource A does not support attribute type X in Fn::GetAtt"),
        ({"A": topic(DependsOn="B"), "B": topic(DependsOn="A")},
        "Circular dependency between resources: [A, B]"),
        ({"A": ROLE}, "InsufficientCapabilitiesException: Requires capabilities : [CAPABILITY_NAMED_IAM]"),
    ],
)  # fmt: skip
def test_a_wrong_template_is_refused_before_anything_is_created(
    client: Any, resources: Any, message: str
) -> None:
    assert message in refusal(client.create_stack, StackName="demo", TemplateBody=template(**resources))
    assert client.describe_stacks()["Stacks"] == []


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ({"Colour": "red"}, "#: extraneous key [Colour] is not permitted"),
        ({"FifoTopic": "perhaps"}, "#/FifoTopic: expected type: Boolean, found: String"),
    ],
)
def test_wrong_properties_fail_the_resource(client: Any, properties: Any, reason: str) -> None:
    create(client, template(Alerts={"Type": "AWS::SNS::Topic", "Properties": properties}))
    assert reason in reasons(client, "demo")["Alerts"]


def test_what_is_not_emulated_is_said(client: Any) -> None:
    assert "the local cloud cannot do this" in refusal(client.detect_stack_drift, StackName="demo")


@pytest.mark.parametrize(
    "url",
    [
        "https://s3.us-east-1.amazonaws.com/templates/a.json",
        "https://s3.amazonaws.com/templates/a.json",
        "https://templates.s3.us-east-1.amazonaws.com/a.json",
    ],
)
def test_a_template_can_come_from_s3(client: Any, cloud: Cloud, url: str) -> None:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="templates")
    s3.put_object(Bucket="templates", Key="a.json", Body=template(Alerts=topic()))
    client.create_stack(StackName="demo", TemplateURL=url)
    assert finished(client, "demo")["StackStatus"] == "CREATE_COMPLETE"


def test_a_body_over_the_limit_has_to_come_from_s3(client: Any) -> None:
    body = json.dumps({"Description": "x" * 51_200, "Resources": {"A": topic()}})
    assert "failed to satisfy constraint" in refusal(client.validate_template, TemplateBody=body)
