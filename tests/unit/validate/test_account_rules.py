import hashlib
import json
from typing import Any

import msgspec
import pytest
from engine.account import DB_INSTANCES, ROLES_VERSION_TAG, Account
from engine.errors import (
    ArtifactNotReleasedError,
    InvalidInputsError,
    MessageInvalidError,
    StackDeletedError,
    TemplateUnsuitableError,
)
from engine.models import Request, Validated
from validate.inputs import validate

from product_template.releasing import released_versions
from tests.support.stacks import NAME, deleted_stacks_are, events_are

UNASKED: Any = None  # a client that must not be needed
QUOTAS = {"vpc L-F678F1CE": 5, "ec2 L-0263D0A3": 5, "rds L-7B6409FD": 40, "vpc L-FE5A380F": 5}

NEWEST = released_versions.newest(1, released_versions.templates())
TEMPLATE = (released_versions.DIRECTORY / f"{NEWEST}{released_versions.ENDING}").read_bytes()
OTHER = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}).encode()
RELEASED = {
    hashlib.sha256(content).hexdigest(): name for content, name in ((TEMPLATE, "1.9.0"), (OTHER, "1.9.1"))
}


def option(version: str = "14.22", zones: Any = ("us-east-1a", "us-east-1b"), multi_az: Any = True) -> Any:
    return {
        "Engine": "postgres",
        "EngineVersion": version,
        "MultiAZCapable": multi_az,
        "AvailabilityZones": [{"Name": zone} for zone in zones],
    }


OFFER = (option(),)


@pytest.fixture
def account(aws: Any, stubbed: Any) -> Any:
    """An account with roles, the default VPC, some databases, offers and quotas."""

    tag = {"Key": ROLES_VERSION_TAG, "Value": "1"}
    aws("iam").create_role(
        RoleName="SCLaunch-TapStack", AssumeRolePolicyDocument=json.dumps({"Statement": []}), Tags=[tag]
    )

    def build(databases: Any = (), options: Any = OFFER, quotas: Any = QUOTAS) -> Any:
        rds, stub = stubbed("rds")
        stub.add_response("describe_db_instances", {"DBInstances": list(databases)}, {})
        if options is not None:
            found = {"OrderableDBInstanceOptions": list(options)}
            stub.add_response("describe_orderable_db_instance_options", found, None)
        service_quotas, stub = stubbed("service-quotas")
        zones = 2
        for name in [*list(QUOTAS)[:3], *[list(QUOTAS)[3]] * zones] if quotas else []:
            service, code = name.split()
            asked = {"ServiceCode": service, "QuotaCode": code}
            stub.add_response("get_service_quota", {"Quota": {"Value": quotas[name]}}, asked)
        return Account(aws("s3"), aws("cloudformation"), aws("ec2"), rds, service_quotas, UNASKED, aws("iam"))

    return build


@pytest.fixture
def publish(aws: Any, event: Any) -> Any:
    def put(content: bytes) -> Any:
        _, _, bucket, key = event("provision")["artifact"]["path"].split("/", 3)
        s3 = aws("s3")
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key=key, Body=content)

    return put


@pytest.fixture
def launch(publish: Any, request_of: Any) -> Any:
    """Build the request to launch or update the product with some parameters."""
    publish(TEMPLATE)

    def build(name: str = "provision", **parameters: Any) -> Any:
        defaults = {"EnvironmentSuffix": "dev", "OpsEmails": "ops@example.com"} if name == "provision" else {}
        request = request_of(name)
        given = (defaults | parameters).items()
        request["message"]["parameters"] = [{"key": key, "value": value} for key, value in given]
        return msgspec.convert(request, Request)

    return build


@pytest.fixture
def deployed(aws: Any) -> Any:
    """Deploy a small stack with the product's parameters, as if it were a TapStack."""

    def deploy(name: str, cidr: str = "10.9.0.0/16", **parameters: Any) -> Any:
        defaults = {
            "EnvironmentSuffix": "dev",
            "OpsEmails": "ops@example.com",
            "DatabaseName": "payments",
            "InstanceClass": "db.r6g.xlarge",
            "AllocatedStorage": "100",
            "MaxAllocatedStorage": "500",
            "BackupRetentionDays": "7",
            "VpcCidr": cidr,
        }
        values = defaults | parameters
        template = {
            "Parameters": {key: {"Type": "String"} for key in values},
            "Resources": {
                "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": {"Ref": "VpcCidr"}}},
                "Database": {
                    "Type": "AWS::RDS::DBInstance",
                    "Properties": {
                        "DBInstanceIdentifier": {"Fn::Sub": "database-${EnvironmentSuffix}"},
                        "DBInstanceClass": "db.r6g.xlarge",
                        "Engine": "postgres",
                        "AllocatedStorage": "100",
                        "MasterUsername": "dbadmin",
                        "MasterUserPassword": "not-a-secret",
                    },
                },
            },
        }
        aws("cloudformation").create_stack(
            StackName=name,
            TemplateBody=json.dumps(template),
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()],
        )

    return deploy


def running(
    identifier: str = "database-dev",
    instance_class: str = "db.r6g.xlarge",
    storage: Any = 100,
    version: str = "14.22",
) -> Any:
    return {
        "DBInstanceIdentifier": identifier,
        "DBInstanceClass": instance_class,
        "EngineVersion": version,
        "AllocatedStorage": storage,
    }


OWN_STACK = "TapStack-pp-wp3ziihdnvmse"


def refusal_of(account: Any, request: Any) -> Any:
    with pytest.raises(InvalidInputsError) as refused:
        validate(account, request, RELEASED)
    return str(refused.value)


def test_good_inputs_come_back_complete_with_the_engine_version(account: Any, launch: Any) -> None:
    validated = validate(account(), launch(), RELEASED)
    assert validated.parameters.keys() == json.loads(TEMPLATE)["Parameters"].keys()
    assert validated.parameters["EnvironmentSuffix"] == "dev"
    assert (validated.product_version, validated.engine_version) == ("1.9.0", "14")
    assert not validated.major_upgrade


def test_terminate_has_nothing_to_validate_but_its_message(request_of: Any) -> None:
    nothing = validate(Account(*[UNASKED] * 7), msgspec.convert(request_of("terminate"), Request), {})
    assert nothing == Validated(parameters={}, engine_version=None, major_upgrade=False)


@pytest.mark.parametrize(
    ("kind", "change", "complaint"),
    [
        ("provision", {"operation": "EXPLODE"}, 'operation "EXPLODE" came through the queue for PROVISION'),
        ("provision", {"operation": "UPDATE_PROVISIONED_PRODUCT"}, "came through the queue for PROVISION"),
        ("terminate", {"operation": "PROVISION_PRODUCT"}, "came through the queue for TERMINATE"),
        ("provision", {"launchRoleArn": None}, "Object missing required field `launchRoleArn`"),
        ("provision", {"artifact": None}, "Object missing required field `artifact`"),
        (
            "provision",
            {"artifact": {"path": "S3://bucket", "type": "AWS_S3"}},
            "- at `$.artifact.path`",
        ),
        (
            "provision",
            {"artifact": {"path": "S3://b/k", "type": "GIT"}},
            "Invalid enum value - at `$.artifact.type`",
        ),
        (
            "update",
            {"parameters": [{"value": "x"}]},
            "Object missing required field `key` - at `$.parameters[0]`",
        ),
    ],
)
def test_a_broken_message_is_refused_with_its_defect(
    request_of: Any, kind: str, change: Any, complaint: str
) -> None:
    request = request_of(kind)
    request["message"] |= change
    with pytest.raises(MessageInvalidError) as refused:
        validate(Account(*[UNASKED] * 7), msgspec.convert(request, Request), RELEASED)
    assert complaint in str(refused.value)


@pytest.mark.parametrize(
    "given", ["hunter2", "hunter2\n", "` - at `$.hunter2`", "hunter2\ud800", ["hunter2"]]
)
@pytest.mark.parametrize("field", ["launchRoleArn", "artifact", "path", "type", "parameters", "key", "tags"])
def test_a_defect_is_told_without_the_value_that_was_given(request_of: Any, field: str, given: Any) -> None:
    request = request_of("provision")
    message = request["message"]
    places = {"path": message["artifact"], "type": message["artifact"], "key": message["parameters"][0]}
    places.get(field, message)[field] = {"hunter2": given} if field == "key" else given
    with pytest.raises(MessageInvalidError) as refused:
        msgspec.convert(request, Request).read_message()
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("operation", ["UPDATE_PROVISION_PRODUCT", "UPDATE_PROVISIONED_PRODUCT"])
def test_both_spellings_of_an_update_are_understood(request_of: Any, operation: str) -> None:
    request = request_of("update")
    request["message"]["operation"] = operation
    assert msgspec.convert(request, Request).read_message().operation == operation


def test_null_lists_are_empty_lists(request_of: Any) -> None:
    request = request_of("terminate")
    request["message"] |= {"parameters": None, "tags": None}
    message = msgspec.convert(request, Request).read_message()
    assert (message.parameters, message.tags) == ([], [])


def test_a_template_that_is_not_ours_is_refused_before_the_account_is_asked(
    publish: Any, request_of: Any, aws: Any
) -> None:
    publish(OTHER)
    reader = Account(aws("s3"), *[UNASKED] * 6)
    with pytest.raises(TemplateUnsuitableError):
        validate(reader, msgspec.convert(request_of("provision"), Request), RELEASED)


def test_an_update_of_a_stack_that_somebody_deleted_is_told_that_and_nothing_about_its_inputs(
    publish: Any, request_of: Any, aws: Any, cloudformation: Any
) -> None:
    # GIVEN a product whose stack was deleted, and an update that keeps some values and gives a wrong one
    publish(TEMPLATE)
    request = request_of("update")
    request["message"]["parameters"] = [
        {"key": "VpcCidr"},
        {"key": "EnvironmentSuffix", "value": "Bad_Suffix"},
    ]
    client, stub = cloudformation
    stub.add_client_error("describe_stacks", "ValidationError", f"Stack with id {NAME} does not exist")
    deleted_stacks_are(stub, "the-launch")
    events_are(stub, "rec-of-the-launch", (NAME, "CREATE_COMPLETE", ""), stack_id="the-launch")
    # WHEN it is validated THEN the user reads that the database is gone
    reader = Account(aws("s3"), client, *[UNASKED] * 5)
    with pytest.raises(StackDeletedError, match=r"^Stack .* was deleted on 01 November 2026"):
        validate(reader, msgspec.convert(request, Request), RELEASED)


@pytest.mark.parametrize("content", [TEMPLATE.replace(b"true", b"false", 1), TEMPLATE + b" ", b"no template"])
def test_a_file_that_is_none_of_the_released_ones_is_refused_before_it_is_read(
    publish: Any, request_of: Any, aws: Any, content: bytes
) -> None:
    publish(content)
    reader = Account(aws("s3"), *[UNASKED] * 6)
    with pytest.raises(ArtifactNotReleasedError, match=hashlib.sha256(content).hexdigest()):
        validate(reader, msgspec.convert(request_of("provision"), Request), RELEASED)


def test_what_the_template_and_what_the_account_refuse_is_one_report(account: Any, launch: Any) -> None:
    # GIVEN a wrong name, wrong emails, a range that is taken and too many VPCs
    request = launch(EnvironmentSuffix="Bad_Suffix", OpsEmails="nope", VpcCidr="172.31.0.0/16")
    text = refusal_of(account(quotas=QUOTAS | {"vpc L-F678F1CE": 1}), request)
    # THEN each is a line, and nothing is said about what depends on a wrong input
    assert [line.split(":")[0] for line in text.splitlines()[1:]] == [
        "- EnvironmentSuffix",
        "- OpsEmails",
        "- VpcCidr",
        "- Account quota",
    ]


def test_a_suffix_of_another_stack_is_taken(account: Any, launch: Any, deployed: Any) -> None:
    deployed("TapStack-pp-other")
    text = refusal_of(account(), launch())
    assert "- EnvironmentSuffix: is already in use by stack TapStack-pp-other: choose another" in text
    assert '(given: "dev")' in text


def test_a_suffix_whose_database_exists_is_taken(account: Any, launch: Any) -> None:
    text = refusal_of(account(databases=[running()]), launch())
    assert "there is a DB instance database-dev" in text


def test_a_suffix_of_a_stacks_database_is_taken_by_that_stack_which_is_not_described(
    account: Any, launch: Any, aws: Any
) -> None:
    aws("cloudformation").meta.events.register(
        "before-call.cloudformation.DescribeStacks", lambda params, **_: asked.append(params["body"])
    )
    asked: list[Any] = []
    tag = {"Key": "aws:cloudformation:stack-name", "Value": "TapStack-pp-other"}
    text = refusal_of(account(databases=[running() | {"TagList": [tag]}]), launch())
    assert (
        '- EnvironmentSuffix: is already in use by stack TapStack-pp-other: choose another (given: "dev")'
        in text
    )
    assert all(each["StackName"] != "TapStack-pp-other" for each in asked)


def test_stacks_of_others_and_other_suffixes_do_not_matter(account: Any, launch: Any, deployed: Any) -> None:
    deployed("TapStack-pp-other", EnvironmentSuffix="prod")
    deployed("SomebodyElse", cidr="10.8.0.0/16", EnvironmentSuffix="dev2")
    validate(account(databases=[running("database-prod")]), launch(), RELEASED)


@pytest.mark.parametrize(
    ("quota", "limit", "words"),
    [
        ("vpc L-F678F1CE", 1, '"VPCs per Region" is 1, 1 are in use and 1 more are needed'),
        ("ec2 L-0263D0A3", 1, '"EC2-VPC Elastic IPs" is 1, 0 are in use and 2 more are needed'),
        ("rds L-7B6409FD", 0, '"DB instances" is 0, 0 are in use and 1 more are needed'),
        ("vpc L-FE5A380F", 0, '"NAT gateways per Availability Zone" is 0 in us-east-1b, 0 are in use and 1'),
    ],
)
def test_a_quota_that_is_used_up_is_named_with_where_to_raise_it(
    account: Any, launch: Any, quota: str, limit: int, words: str
) -> None:
    text = refusal_of(account(quotas=QUOTAS | {quota: limit}), launch())
    service, code = quota.split()
    assert words in text
    assert f"Service Quotas console (service {service}, code {code})" in text


def test_nat_gateways_count_where_they_are(account: Any, launch: Any, aws: Any) -> None:
    ec2 = aws("ec2")
    subnets = ec2.describe_subnets(Filters=[{"Name": "availability-zone", "Values": ["us-east-1a"]}])[
        "Subnets"
    ]
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    ec2.create_nat_gateway(SubnetId=subnets[0]["SubnetId"], AllocationId=address)
    text = refusal_of(account(quotas=QUOTAS | {"vpc L-FE5A380F": 1}), launch())
    assert "is 1 in us-east-1a, 1 are in use and 1 more are needed" in text
    assert "us-east-1b" not in text


def test_a_network_that_is_being_deleted_meanwhile_keeps_nobody_from_launching(
    account: Any, launch: Any, aws: Any
) -> None:
    ec2 = aws("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.0.0/24")["Subnet"]["SubnetId"]
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address)
    ec2.delete_subnet(SubnetId=subnet)
    assert validate(account(), launch(), RELEASED).product_version == "1.9.0"


def test_a_regional_nat_gateway_counts_in_no_zone(stubbed: Any) -> None:
    ec2, stub = stubbed("ec2")
    regional = {"NatGatewayId": "nat-1", "State": "available", "AvailabilityMode": "regional"}
    stub.add_response("describe_nat_gateways", {"NatGateways": [regional]}, {})
    assert not Account(UNASKED, UNASKED, ec2, *[UNASKED] * 4).nat_gateways()


def test_an_unchanged_default_quota_is_read_where_the_account_has_none(stubbed: Any) -> None:
    service_quotas, stub = stubbed("service-quotas")
    stub.add_client_error("get_service_quota", "NoSuchResourceException", "none", 400)
    asked = {"ServiceCode": "rds", "QuotaCode": "L-7B6409FD"}
    stub.add_response("get_aws_default_service_quota", {"Quota": {"Value": 40.0}}, asked)
    account = Account(UNASKED, UNASKED, UNASKED, UNASKED, service_quotas, UNASKED, UNASKED)
    assert account.limit(DB_INSTANCES) == 40


@pytest.mark.parametrize(
    ("cidr", "words"),
    [
        ("172.31.0.0/16", "(172.31.0.0/16): 172.16.0.0/16 is free"),
        ("172.31.16.0/20", "(172.31.0.0/16): 172.16.0.0/20 is free"),
        ("10.0.1.0/16", "must be the first address of its range: 10.0.0.0/16"),
    ],
)
def test_a_range_that_can_not_be_used_comes_with_one_that_can(
    account: Any, launch: Any, cidr: str, words: str
) -> None:
    text = refusal_of(account(), launch(VpcCidr=cidr))
    assert words in text
    assert f'(given: "{cidr}")' in text


def test_the_suggested_range_overlaps_nothing(account: Any, launch: Any, aws: Any) -> None:
    ec2 = aws("ec2")
    for taken in ("10.0.0.0/16", "10.1.0.0/20", "10.2.0.0/16"):
        ec2.create_vpc(CidrBlock=taken)
    assert "10.3.0.0/16 is free" in refusal_of(account(), launch(VpcCidr="10.0.0.0/16"))


@pytest.mark.parametrize(
    "options",
    [
        [],
        [option(version="15.4")],
        [option(version="140.1")],
        [option(multi_az=False)],
        [option(zones=["us-east-1a"])],
        [option(zones=["us-east-1a", "us-east-1f"])],
    ],
)
def test_a_class_that_rds_does_not_offer_in_both_zones_is_refused(
    account: Any, launch: Any, options: Any
) -> None:
    text = refusal_of(account(options=options), launch())
    assert "- InstanceClass: is a class that RDS does not offer for postgres 14 with a standby in two" in text
    assert "us-east-1a, us-east-1b" in text


@pytest.mark.parametrize(
    ("parameters", "line"),
    [
        (
            {"AllocatedStorage": "100", "MaxAllocatedStorage": "109"},
            "- MaxAllocatedStorage: must be at least 10% more than AllocatedStorage (100), so 110 or more",
        ),
        ({"AllocatedStorage": "100.5"}, "- AllocatedStorage: must be a whole number"),
        ({"BackupRetentionDays": "7.5"}, "- BackupRetentionDays: must be a whole number"),
    ],
)
def test_storage_rules_that_a_template_can_not_state(
    account: Any, launch: Any, parameters: Any, line: str
) -> None:
    assert line in refusal_of(account(), launch(**parameters))


def test_the_smallest_ceiling_is_ten_percent_more(account: Any, launch: Any) -> None:
    validate(account(), launch(AllocatedStorage="101", MaxAllocatedStorage="112"), RELEASED)
    text = refusal_of(account(), launch(AllocatedStorage="101", MaxAllocatedStorage="111"))
    assert "so 112 or more" in text


def test_an_update_keeps_the_stacks_values_and_asks_neither_for_quotas_nor_for_offers(
    account: Any, launch: Any, deployed: Any
) -> None:
    deployed(OWN_STACK, AllocatedStorage="200")
    before_growth = account(databases=[running(storage=300)], options=None, quotas=None)
    values = validate(before_growth, launch("update", BackupRetentionDays="14"), RELEASED).parameters
    assert (values["AllocatedStorage"], values["BackupRetentionDays"], values["VpcCidr"]) == (
        "200",
        "14",
        "10.9.0.0/16",
    )


@pytest.mark.parametrize(
    ("inputs", "line"),
    [
        (
            {"AllocatedStorage": "250"},
            "- AllocatedStorage: can't be less than the 300 GiB that the database has",
        ),
        (
            {"AllocatedStorage": "329"},
            "- AllocatedStorage: must be at least 10% more than the 300 GiB that the database has, so 330",
        ),
        (
            {"MaxAllocatedStorage": "329"},
            "- MaxAllocatedStorage: must be at least 10% more than the storage of the database (300), so 330",
        ),
    ],
)
def test_an_update_must_not_ask_for_storage_that_rds_refuses(
    account: Any, launch: Any, deployed: Any, inputs: dict[str, str], line: str
) -> None:
    deployed(OWN_STACK)
    grown = account(databases=[running(storage=300)], options=None, quotas=None)
    assert line in refusal_of(grown, launch("update", **inputs))


@pytest.mark.parametrize(("name", "value"), [("AllocatedStorage", "300"), ("AllocatedStorage", "330")])
def test_an_update_may_catch_up_with_storage_that_has_grown_or_exceed_it(
    account: Any, launch: Any, deployed: Any, name: str, value: str
) -> None:
    deployed(OWN_STACK)
    grown = account(databases=[running(storage=300)], options=None, quotas=None)
    assert validate(grown, launch("update", **{name: value}), RELEASED).parameters[name] == value


def test_an_update_to_another_class_asks_what_rds_offers(account: Any, launch: Any, deployed: Any) -> None:
    deployed(OWN_STACK)
    busy = account(databases=[running()], options=[], quotas=None)
    assert "- InstanceClass: is a class that RDS does not offer" in refusal_of(
        busy, launch("update", InstanceClass="db.r6g.large")
    )


def test_an_update_must_not_move_the_network(account: Any, launch: Any, deployed: Any) -> None:
    deployed(OWN_STACK)
    text = refusal_of(
        account(databases=[running()], options=None, quotas=None), launch("update", VpcCidr="10.9.0.0/20")
    )
    assert "- VpcCidr: can't be changed after the launch" in text
    assert '10.9.0.0/16 (given: "10.9.0.0/20")' in text


def test_an_update_must_not_change_the_choice_of_extended_support(
    account: Any, launch: Any, deployed: Any
) -> None:
    deployed(OWN_STACK)
    enrolled = running() | {"EngineLifecycleSupport": "open-source-rds-extended-support"}
    disabled = launch("update", EngineLifecycleSupport="open-source-rds-extended-support-disabled")
    text = refusal_of(account(databases=[enrolled], options=None, quotas=None), disabled)
    assert "- EngineLifecycleSupport: can't be changed after the launch" in text


def test_an_update_after_a_failed_launch_is_checked_like_a_launch(account: Any, launch: Any) -> None:
    again = launch("update", EnvironmentSuffix="dev", OpsEmails="a@example.com")
    validated = validate(account(), again, RELEASED)
    assert (validated.parameters["EnvironmentSuffix"], validated.major_upgrade) == ("dev", False)
