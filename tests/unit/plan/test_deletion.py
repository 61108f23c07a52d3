"""What blocks a termination. tests/e2e/test_terminations.py has the same as users see it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from engine.account import Account
from engine.errors import DeletionBlockedError, StackBusyError, StackInProgressError
from engine.models import Planned, PlanRequest
from plan.deletion import plan_deletion

from tests.support.stacks import NAME, STACK_ID

UNASKED: Any = None  # a client that must not be needed


class Product:
    """A stack with a network, a database and a bucket, in an account where others have things, too."""

    def __init__(self, aws: Any) -> None:
        self.ec2, self.rds, self.s3 = aws("ec2"), aws("rds"), aws("s3")
        self.vpc = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.subnets = [
            self.ec2.create_subnet(
                VpcId=self.vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=f"us-east-1{zone}"
            )["Subnet"]["SubnetId"]
            for number, zone in enumerate("ab")
        ]
        self.group = self.security_group("clients")
        gateway = self.ec2.create_nat_gateway(SubnetId=self.subnets[0], ConnectivityType="private")
        endpoint = self.ec2.create_vpc_endpoint(
            VpcId=self.vpc, ServiceName="com.amazonaws.us-east-1.sns", VpcEndpointType="Interface",
            SubnetIds=self.subnets,
        )  # fmt: skip
        self.interface("RDSNetworkInterface")
        self.rds.create_db_subnet_group(
            DBSubnetGroupName="subnet-group-dev", DBSubnetGroupDescription="d", SubnetIds=self.subnets
        )
        self.rds.create_db_parameter_group(
            DBParameterGroupName="group-dev", DBParameterGroupFamily="postgres14", Description="d"
        )
        self.database("database-dev", DBSubnetGroupName="subnet-group-dev", DBParameterGroupName="group-dev")
        self.s3.create_bucket(Bucket="bucket-dev", ObjectLockEnabledForBucket=True)
        self.resources = [
            ("AWS::EC2::VPC", self.vpc),
            *(("AWS::EC2::Subnet", subnet) for subnet in self.subnets),
            ("AWS::EC2::SecurityGroup", self.group),
            ("AWS::EC2::NatGateway", gateway["NatGateway"]["NatGatewayId"]),
            ("AWS::EC2::VPCEndpoint", endpoint["VpcEndpoint"]["VpcEndpointId"]),
            ("AWS::RDS::DBSubnetGroup", "subnet-group-dev"),
            ("AWS::RDS::DBParameterGroup", "group-dev"),
            ("AWS::RDS::DBInstance", "database-dev"),
            ("AWS::S3::Bucket", "bucket-dev"),
            ("AWS::S3::BucketPolicy", "bucket-dev"),
        ]

    def security_group(self, name: str) -> str:
        made = self.ec2.create_security_group(GroupName=name, Description="d", VpcId=self.vpc)
        return str(made["GroupId"])

    def interface(self, description: str) -> str:
        made = self.ec2.create_network_interface(SubnetId=self.subnets[0], Description=description)
        return str(made["NetworkInterface"]["NetworkInterfaceId"])

    def database(self, name: str, **more: Any) -> None:
        self.rds.create_db_instance(
            DBInstanceIdentifier=name, Engine="postgres", DBInstanceClass="db.r6g.large", AllocatedStorage=20,
            MasterUsername="u", MasterUserPassword="password", **more,
        )  # fmt: skip

    def keep(self, key: str, **lock: Any) -> None:
        self.s3.put_object(Bucket="bucket-dev", Key=key, Body=b"", ChecksumAlgorithm="SHA256", **lock)


@pytest.fixture
def product(aws: Any) -> Product:
    return Product(aws)


@pytest.fixture
def planned(aws: Any, cloudformation: Any, request_of: Any) -> Callable[..., Planned]:
    """Plan the termination of a product whose stack has a status. Without `product`, it is not read."""

    def plan(status: str | None, product: Product | None = None, **more: Any) -> Planned:
        client, stub = cloudformation
        if status is None:
            stub.add_client_error(
                "describe_stacks", "ValidationError", f"Stack with id {NAME} does not exist"
            )
        else:
            stack = {"StackName": NAME, "StackId": STACK_ID, "StackStatus": status, "CreationTime": 0, **more}
            stub.add_response("describe_stacks", {"Stacks": [stack]}, {"StackName": NAME})
        if product:
            resources = [
                {
                    "LogicalResourceId": f"R{number}",
                    "PhysicalResourceId": physical_id,
                    "ResourceType": resource_type,
                    "ResourceStatus": "CREATE_COMPLETE",
                    "LastUpdatedTimestamp": 0,
                }
                for number, (resource_type, physical_id) in enumerate(product.resources)
            ]
            stub.add_response("list_stack_resources", {"StackResourceSummaries": resources}, None)
        account = Account(aws("s3"), client, aws("ec2"), aws("rds"), UNASKED, UNASKED, UNASKED)
        return plan_deletion(account, msgspec.convert(request_of("terminate", parameters={}), PlanRequest))

    return plan


@pytest.fixture
def blockers(planned: Any) -> Callable[..., list[str]]:
    """List what a termination is refused for, without the first and the last sentence."""

    def list_blockers(product: Product, **more: Any) -> list[str]:
        with pytest.raises(DeletionBlockedError) as blocked:
            planned("UPDATE_COMPLETE", product, **more)
        return str(blocked.value).splitlines()[1:-1]

    return list_blockers


def test_nothing_of_the_stacks_own_is_in_its_way(product: Product, planned: Any) -> None:
    # GIVEN what a launch makes, and others' things outside of it
    product.database("elsewhere", DeletionProtection=True)
    product.keep(
        "old", ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=datetime(2020, 1, 1, tzinfo=UTC)
    )
    # WHEN it is terminated THEN it may go
    assert planned("CREATE_COMPLETE", product).stack_id == STACK_ID


def test_a_protected_stack_is_named_with_the_command(product: Product, blockers: Any) -> None:
    [line] = blockers(product, EnableTerminationProtection=True)
    assert line.startswith(
        f"- stack {NAME} has termination protection: aws cloudformation update-termination-"
    )


def test_a_protected_database_is_named_with_the_command(product: Product, blockers: Any) -> None:
    product.rds.modify_db_instance(DBInstanceIdentifier="database-dev", DeletionProtection=True)
    [line] = blockers(product)
    assert line.endswith(
        "aws rds modify-db-instance --db-instance-identifier database-dev --no-deletion-protection "
        "--apply-immediately"
    )


@pytest.mark.parametrize(
    ("has", "named"),
    [
        ({"DBSubnetGroupName": "subnet-group-dev"}, "subnet-group-dev"),
        ({"DBParameterGroupName": "group-dev"}, "uses group-dev"),
    ],
)
def test_a_database_restored_into_the_network_or_its_groups_is_named(
    product: Product, blockers: Any, has: dict[str, str], named: str
) -> None:
    product.database("restored-back", **has)
    [line] = blockers(product)
    assert line.startswith("- DB instance restored-back, which does not belong to this product, uses ")
    assert named in line


@pytest.mark.parametrize("mode", ["GOVERNANCE", "COMPLIANCE"])
def test_objects_that_s3_keeps_are_named_until_when(
    product: Product, stubbed: Any, blockers: Any, mode: str
) -> None:
    until = datetime.now(UTC) + timedelta(days=30)
    _, stub = stubbed("s3")
    stub.add_response("get_object_lock_configuration", {}, {"Bucket": "bucket-dev"})
    versions = [{"Key": key, "VersionId": "1"} for key in ("free", "kept", "not-asked-for")]
    stub.add_response("list_object_versions", {"Versions": versions}, None)
    unlocked = "NoSuchObjectLockConfiguration"
    stub.add_client_error("get_object_legal_hold", unlocked, "", 404)
    stub.add_client_error("get_object_retention", unlocked, "", 404)
    stub.add_response("get_object_legal_hold", {"LegalHold": {"Status": "OFF"}}, None)
    retention = {"Retention": {"Mode": mode, "RetainUntilDate": until}}
    kept = {"Bucket": "bucket-dev", "Key": "kept", "VersionId": "1"}
    stub.add_response("get_object_retention", retention, kept)
    [line] = blockers(product)
    assert (
        f"bucket bucket-dev holds objects under Object Lock, such as kept ({mode} until {until:%d %B %Y})"
        in line
    )


def test_any_number_of_objects_in_a_bucket_with_object_lock_is_no_reason_to_be_out_of_time(
    product: Product, stubbed: Any, planned: Any
) -> None:
    _, stub = stubbed("s3")
    stub.add_response("get_object_lock_configuration", {}, {"Bucket": "bucket-dev"})
    versions = [{"Key": f"{number}", "VersionId": "1"} for number in range(1000)]
    stub.add_response("list_object_versions", {"Versions": versions}, None)
    for _ in range(200):
        stub.add_response("get_object_legal_hold", {}, None)
        stub.add_response("get_object_retention", {}, None)
    assert planned("CREATE_COMPLETE", product) == Planned(stack_id=STACK_ID)


def _peer(product: Product) -> str:
    other = product.ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    made = product.ec2.create_vpc_peering_connection(VpcId=other, PeerVpcId=product.vpc)
    return str(made["VpcPeeringConnection"]["VpcPeeringConnectionId"])


def _vpn(product: Product) -> str:
    gateway = product.ec2.create_vpn_gateway(Type="ipsec.1")["VpnGateway"]["VpnGatewayId"]
    product.ec2.attach_vpn_gateway(VpcId=product.vpc, VpnGatewayId=gateway)
    return str(gateway)


def _instance(product: Product) -> str:
    made = product.ec2.run_instances(
        ImageId="ami-12345678", MinCount=1, MaxCount=1, SubnetId=product.subnets[0],
        SecurityGroupIds=[product.group],
    )  # fmt: skip
    return str(made["Instances"][0]["InstanceId"])


def _default_group(product: Product) -> str:
    of_vpc = [{"Name": "vpc-id", "Values": [product.vpc]}, {"Name": "group-name", "Values": ["default"]}]
    [group] = product.ec2.describe_security_groups(Filters=of_vpc)["SecurityGroups"]
    product.ec2.authorize_security_group_ingress(
        GroupId=group["GroupId"],
        IpPermissions=[{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": product.group}]}],
    )
    return str(group["GroupId"])


@pytest.mark.parametrize(
    ("add", "line"),
    [
        (_peer, "- VPC peering connection {}: aws ec2 delete-vpc-peering-connection "),
        (_vpn, "- VPN gateway {}: aws ec2 detach-vpn-gateway "),
        (_instance, "of EC2 instance {}: aws ec2 terminate-instances --instance-ids {}"),
        (_default_group, "- security group {} has rules that name sg-"),
        (lambda product: product.security_group("app"), "- security group {}: aws ec2 delete-security-gr"),
        (lambda product: product.interface("forgotten"), "- network interface {} in subnet-"),
        (
            lambda product: product.ec2.create_subnet(VpcId=product.vpc, CidrBlock="10.0.9.0/24")["Subnet"][
                "SubnetId"
            ],
            "- subnet {}: aws ec2 delete-subnet --subnet-id {}",
        ),
        (
            lambda product: product.ec2.create_route_table(VpcId=product.vpc)["RouteTable"]["RouteTableId"],
            "- route table {}: aws ec2 delete-route-table ",
        ),
        (
            lambda product: product.ec2.create_network_acl(VpcId=product.vpc)["NetworkAcl"]["NetworkAclId"],
            "- network ACL {}: aws ec2 delete-network-acl ",
        ),
        (
            lambda product: product.ec2.create_egress_only_internet_gateway(VpcId=product.vpc)[
                "EgressOnlyInternetGateway"
            ]["EgressOnlyInternetGatewayId"],
            "- egress-only internet gateway {}: aws ec2 delete-egress-only-internet-gateway ",
        ),
        (
            lambda product: product.ec2.create_vpc_endpoint(
                VpcId=product.vpc, ServiceName="com.amazonaws.us-east-1.guardduty-data",
                VpcEndpointType="Interface", SubnetIds=product.subnets,
            )["VpcEndpoint"]["VpcEndpointId"],
            "- VPC endpoint {}: aws ec2 delete-vpc-endpoints ",
        ),
        (
            lambda product: product.ec2.create_nat_gateway(
                SubnetId=product.subnets[1], ConnectivityType="private"
            )["NatGateway"]["NatGatewayId"],
            "- NAT gateway {}: aws ec2 delete-nat-gateway ",
        ),
    ],
)  # fmt: skip
def test_what_others_have_in_the_network_is_named_once_with_the_way_to_remove_it(
    product: Product, blockers: Any, add: Callable[[Product], str], line: str
) -> None:
    name = add(product)
    [told] = blockers(product)
    assert line.format(name, name) in told


def test_the_functions_of_a_team_are_told_how_to_leave_the_network(product: Product, blockers: Any) -> None:
    for _ in range(5):
        product.interface("AWS Lambda VPC ENI-orders-api-6f1c1b2a-0d7e-4a62-9f65-0a1b2c3d4e5f")
    [line] = blockers(product)
    assert "and 2 more: of Lambda functions such as orders-api: take them out of the VPC" in line
    assert "aws lambda update-function-configuration --function-name orders-api " in line


def test_as_many_as_can_be_shown_are_and_the_others_counted(product: Product, planned: Any) -> None:
    for number in range(40):
        product.security_group(f"app-{number}")
    with pytest.raises(DeletionBlockedError) as blocked:
        planned("CREATE_COMPLETE", product)
    told = str(blocked.value)
    assert len(told) <= 2048
    head, *shown, more, foot = told.splitlines()
    assert head.startswith("Nothing was deleted, and the database runs as before. ")
    assert more == f"- and {40 - len(shown)} more"
    assert foot == ("Ask the owners, remove all of it, then terminate this provisioned product again.")


def test_after_a_deletion_that_failed_only_what_is_left_is_looked_at(product: Product, planned: Any) -> None:
    product.security_group("app")
    product.rds.modify_db_instance(DBInstanceIdentifier="database-dev", DeletionProtection=True)
    product.resources.remove(("AWS::EC2::VPC", product.vpc))
    with pytest.raises(DeletionBlockedError) as blocked:
        planned("DELETE_FAILED", product)
    head, line, _ = str(blocked.value).splitlines()
    assert head.startswith("Nothing more was deleted.")
    assert "database-dev has deletion protection" in line


def test_of_a_launch_without_a_database_none_is_said_to_run(product: Product, planned: Any) -> None:
    product.security_group("app")
    product.resources = [each for each in product.resources if each[0] != "AWS::RDS::DBInstance"]
    with pytest.raises(DeletionBlockedError, match=r"^Nothing was deleted\. This keeps AWS from "):
        planned("ROLLBACK_FAILED", product)


def test_a_stack_that_is_being_created_is_not_looked_at(planned: Any) -> None:
    assert planned("CREATE_IN_PROGRESS") == Planned(stack_id=STACK_ID)


def test_an_earlier_deletion_is_waited_for_because_it_may_fail(planned: Any) -> None:
    with pytest.raises(
        StackInProgressError, match=f"{NAME} was still DELETE_IN_PROGRESS .* terminate it again"
    ):
        planned("DELETE_IN_PROGRESS")


def test_what_does_not_exist_plans_nothing(planned: Any) -> None:
    assert planned(None) == Planned(stack_id=None)


def test_nobody_is_waited_for_during_an_update(planned: Any) -> None:
    with pytest.raises(StackBusyError):
        planned("UPDATE_ROLLBACK_IN_PROGRESS")
