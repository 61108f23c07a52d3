"""Change sets and updates, through the API."""

import json
import time
from typing import Any

import pytest

from local_cloud.cloud import Cloud
from local_cloud.faults.stack import StackFaults
from tests.support.account import refusal
from tests.support.cloudformation import finished, reasons, template, topic

NO_CHANGES = (
    "The submitted information didn't contain changes. Submit different information to create a change set."
)


def group(name: Any, days: int = 7) -> dict[str, Any]:
    return {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": name, "RetentionInDays": days}}


def create(client: Any, body: str, **more: Any) -> None:
    client.create_stack(StackName="demo", TemplateBody=body, **more)
    assert finished(client, "demo")["StackStatus"] == "CREATE_COMPLETE"


def update(client: Any, body: str, **more: Any) -> str:
    client.update_stack(StackName="demo", TemplateBody=body, **more)
    return str(finished(client, "demo")["StackStatus"])


def change_set(client: Any, body: str, kind: str = "UPDATE", **more: Any) -> dict[str, Any]:
    made = client.create_change_set(
        StackName="demo", ChangeSetName="change", ChangeSetType=kind, TemplateBody=body, **more
    )
    while True:
        described: dict[str, Any] = client.describe_change_set(ChangeSetName=made["Id"])
        if described["Status"] in ("CREATE_COMPLETE", "FAILED"):
            return described
        time.sleep(0.02)


def changes(client: Any, body: str, **more: Any) -> dict[str, tuple[str, str | None]]:
    found = [change["ResourceChange"] for change in change_set(client, body, **more)["Changes"]]
    client.delete_change_set(StackName="demo", ChangeSetName="change")
    return {change["LogicalResourceId"]: (change["Action"], change.get("Replacement")) for change in found}


def names(cloud: Cloud) -> list[str]:
    return sorted(topic["TopicArn"].split(":")[-1] for topic in cloud.client("sns").list_topics()["Topics"])


def test_a_create_change_set_makes_a_stack_to_review(client: Any) -> None:
    made = change_set(client, template(A=topic()), "CREATE")
    assert client.describe_stacks(StackName="demo")["Stacks"][0]["StackStatus"] == "REVIEW_IN_PROGRESS"
    assert client.describe_stack_resources(StackName="demo")["StackResources"] == []
    assert made["ExecutionStatus"] == "AVAILABLE"
    client.execute_change_set(StackName="demo", ChangeSetName="change", ClientRequestToken="t")
    client.execute_change_set(StackName="demo", ChangeSetName="change", ClientRequestToken="t")
    assert finished(client, "demo")["StackStatus"] == "CREATE_COMPLETE"
    assert "InvalidChangeSetStatus" in refusal(
        client.execute_change_set, StackName="demo", ChangeSetName="change"
    )


def test_a_change_set_tells_old_and_new_values_to_who_asks_for_them(client: Any) -> None:
    create(client, template(A=group("a", 7)))
    made = change_set(client, template(A=group("a", 14)))

    def target(**more: Any) -> dict[str, Any]:
        described = client.describe_change_set(ChangeSetName=made["ChangeSetId"], **more)
        [detail] = described["Changes"][0]["ResourceChange"]["Details"]
        found: dict[str, Any] = detail["Target"]
        return found

    assert target().keys() == {"Attribute", "Name", "RequiresRecreation"}
    values = {"Path": "/Properties/RetentionInDays", "BeforeValue": "7", "AfterValue": "14"}
    assert values.items() <= target(IncludePropertyValues=True).items()


def test_on_stack_failure_delete_leaves_no_stack(client: Any, fault: StackFaults) -> None:
    made = change_set(client, template(A=topic()), "CREATE", OnStackFailure="DELETE")
    fault.fail("A", "no")
    client.execute_change_set(ChangeSetName=made["ChangeSetId"])
    assert finished(client, made["StackId"])["StackStatus"] == "DELETE_COMPLETE"
    assert "no" in [
        e.get("ResourceStatusReason")
        for e in client.describe_stack_events(StackName=made["StackId"])["StackEvents"]
    ]


def test_a_change_set_without_changes_fails_and_says_so(client: Any) -> None:
    create(client, template(A=topic()))
    made = change_set(client, template(A=topic()))
    assert (made["Status"], made["StatusReason"]) == ("FAILED", NO_CHANGES)
    assert (
        refusal(client.update_stack, StackName="demo", UsePreviousTemplate=True)
        == "ValidationError: No updates are to be performed."
    )


def test_the_replacement_of_a_change_comes_from_the_schema(client: Any) -> None:
    create(client, template(A=topic("a"), G=group("g"), Gone=topic("gone")))
    found = changes(client, template(A=topic("b"), G=group("g", 14), New=topic("new")))
    assert found == {
        "A": ("Modify", "True"),
        "G": ("Modify", "False"),
        "New": ("Add", None),
        "Gone": ("Remove", None),
    }


def test_a_change_tells_which_parameter_is_the_cause(client: Any) -> None:
    create(client, template(A=topic({"Fn::Sub": "x-${Name}"})))
    made = change_set(
        client,
        template(A=topic({"Fn::Sub": "x-${Name}"})),
        Parameters=[{"ParameterKey": "Name", "ParameterValue": "two"}],
    )
    (detail,) = made["Changes"][0]["ResourceChange"]["Details"]
    assert detail["Target"] == {
        "Attribute": "Properties",
        "Name": "TopicName",
        "RequiresRecreation": "Always",
    }
    assert (detail["ChangeSource"], detail["CausingEntity"], detail["Evaluation"]) == (
        "ParameterReference",
        "Name",
        "Static",
    )


def test_what_refers_to_a_replaced_resource_may_be_replaced_too(client: Any) -> None:
    dependent = topic({"Fn::Join": ["-", ["after", {"Fn::GetAtt": ["A", "TopicName"]}]]})
    create(client, template(A=topic("a"), Dependent=dependent))
    assert changes(client, template(A=topic("b"), Dependent=dependent))["Dependent"] == (
        "Modify",
        "Conditional",
    )


def test_a_change_set_looks_past_what_is_known_only_after_the_update(client: Any) -> None:
    def network(name: str) -> str:
        block = {"Fn::Select": [0, {"Fn::Cidr": [{"Fn::GetAtt": ["Vpc", "CidrBlock"]}, 1, 8]}]}
        tags = [{"Key": "Name", "Value": name}]
        vpc = {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.9.0.0/16", "Tags": tags}}
        subnet = {"Type": "AWS::EC2::Subnet", "Properties": {"VpcId": {"Ref": "Vpc"}, "CidrBlock": block}}
        return template(Vpc=vpc, Subnet=subnet)

    create(client, network("a"))
    assert changes(client, network("b")) == {"Vpc": ("Modify", "False"), "Subnet": ("Modify", "Conditional")}
    assert update(client, network("b")) == "UPDATE_COMPLETE"
    touched = {
        event["LogicalResourceId"]
        for event in client.describe_stack_events(StackName="demo")["StackEvents"][:4]
    }
    assert touched == {"Vpc", "demo"}


def test_new_stack_tags_change_every_taggable_resource(client: Any, cloud: Cloud) -> None:
    tags = [{"Key": "team", "Value": "payments"}]
    create(client, template(A=topic("a")))
    assert changes(client, template(A=topic("a")), Tags=tags) == {"A": ("Modify", "False")}
    update(client, template(A=topic("a")), Tags=tags)
    arn = cloud.client("sns").list_topics()["Topics"][0]["TopicArn"]
    found = cloud.client("sns").list_tags_for_resource(ResourceArn=arn)["Tags"]
    assert {"Key": "team", "Value": "payments"} in found


def test_a_replaced_resource_is_deleted_after_the_update(client: Any, cloud: Cloud) -> None:
    create(client, template(A=topic("a"), Gone=topic("gone")))
    assert update(client, template(A=topic("b"))) == "UPDATE_COMPLETE"
    assert names(cloud) == ["b"]
    statuses = [
        e["ResourceStatus"]
        for e in client.describe_stack_events(StackName="demo")["StackEvents"]
        if e["LogicalResourceId"] == "demo"
    ]
    assert statuses[:3] == ["UPDATE_COMPLETE", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_IN_PROGRESS"]


def test_an_update_in_place_keeps_the_resource(client: Any, cloud: Cloud) -> None:
    create(client, template(G=group("g")))
    assert update(client, template(G=group("g", 30))) == "UPDATE_COMPLETE"
    assert cloud.client("logs").describe_log_groups()["logGroups"][0]["retentionInDays"] == 30


def test_a_failed_update_is_taken_back(client: Any, cloud: Cloud, fault: StackFaults) -> None:
    create(client, template(A=topic("a"), G=group("g")))
    fault.fail("Broken", "no")
    body = template(
        A=topic("b"), G=group("g", 30), New=topic("new"), Broken=topic(DependsOn=["A", "G", "New"])
    )
    assert update(client, body) == "UPDATE_ROLLBACK_COMPLETE"
    assert reasons(client, "demo") == {"Broken": "no"}
    assert names(cloud) == ["a"]
    assert cloud.client("logs").describe_log_groups()["logGroups"][0]["retentionInDays"] == 7
    assert json.dumps(client.get_template(StackName="demo")["TemplateBody"]) == template(
        A=topic("a"), G=group("g")
    )


def test_a_failed_rollback_can_be_continued(client: Any, cloud: Cloud, fault: StackFaults) -> None:
    create(client, template(G=group("g")))
    stall = fault.stall("Slow")
    fault.fail("Broken", "no")
    slow, broken = topic("slow", DependsOn="G"), topic("broken", DependsOn="Slow")
    client.update_stack(StackName="demo", TemplateBody=template(G=group("g", 30), Slow=slow, Broken=broken))
    assert stall.reached.wait(5)
    fault.fail("G", "stuck", on="update")
    stall.release()
    assert finished(client, "demo")["StackStatus"] == "UPDATE_ROLLBACK_FAILED"
    client.continue_update_rollback(StackName="demo")
    assert finished(client, "demo")["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert cloud.client("logs").describe_log_groups()["logGroups"][0]["retentionInDays"] == 7
    assert names(cloud) == []


def test_a_custom_named_resource_is_not_replaced_under_its_name(client: Any) -> None:
    def security_group(description: str) -> dict[str, Any]:
        return {
            "Type": "AWS::EC2::SecurityGroup",
            "Properties": {"GroupName": "sg", "GroupDescription": description},
        }

    create(client, template(A=security_group("old")))
    assert update(client, template(A=security_group("new"))) == "UPDATE_ROLLBACK_COMPLETE"
    assert reasons(client, "demo")["A"] == (
        "CloudFormation cannot update a stack when a custom-named resource requires replacing. "
        "Rename sg and update the stack again."
    )


def policy(effect: str, action: str, resource: str) -> dict[str, str]:
    return {"Effect": effect, "Action": action, "Principal": "*", "Resource": resource}


@pytest.mark.parametrize("by_change_set", [False, True])
@pytest.mark.parametrize("body", [template(A=topic("b")), template(Other=topic("other"))])
def test_a_stack_policy_forbids_what_would_lose_a_resource(
    client: Any, cloud: Cloud, body: str, by_change_set: bool
) -> None:
    statements = [policy("Allow", "Update:*", "*")]
    statements += [policy("Deny", f"Update:{verb}", "LogicalResourceId/A") for verb in ("Replace", "Delete")]
    create(client, template(A=topic("a")))
    client.set_stack_policy(StackName="demo", StackPolicyBody=json.dumps({"Statement": statements}))
    if by_change_set:
        client.execute_change_set(ChangeSetName=change_set(client, body)["ChangeSetId"])
    else:
        client.update_stack(StackName="demo", TemplateBody=body)
    assert finished(client, "demo")["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert reasons(client, "demo")["A"].startswith("Action denied by stack policy: Statement [#")
    assert names(cloud) == ["a"]


def test_parameters_keep_their_previous_values(client: Any) -> None:
    create(
        client,
        template(A=topic({"Ref": "Name"})),
        Parameters=[{"ParameterKey": "Name", "ParameterValue": "two"}],
    )
    previous = [{"ParameterKey": "Name", "UsePreviousValue": True}]
    assert changes(client, template(A=topic({"Ref": "Name"}), B=topic()), Parameters=previous) == {
        "B": ("Add", None)
    }


def test_an_update_of_a_stack_in_rollback_complete_is_refused(client: Any, fault: StackFaults) -> None:
    fault.fail("A", "no")
    client.create_stack(StackName="demo", TemplateBody=template(A=topic()))
    finished(client, "demo")
    assert "is in ROLLBACK_COMPLETE state and can not be updated." in refusal(
        client.update_stack, StackName="demo", TemplateBody=template(A=topic("x"))
    )
