"""What TapStack promises, by requirement (R10 to R23)."""

import json
import re
from fnmatch import fnmatchcase
from typing import Any

import pytest

from product_template.launch_account import ROLES_VERSION
from product_template.releasing.released_versions import JsonTemplate
from tests.support.reading import text

# These types have no name: they connect two resources, or are a policy on one.
NAMELESS = {
    "AWS::EC2::Route",
    "AWS::EC2::SecurityGroupEgress",
    "AWS::EC2::SecurityGroupIngress",
    "AWS::EC2::SubnetRouteTableAssociation",
    "AWS::EC2::VPCGatewayAttachment",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::TopicPolicy",
    "Custom::ClosedSecurityGroup",
    "Custom::EmptyBucketOnDelete",
}
NAME_PROPERTY = {
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::CloudWatch::Dashboard": "DashboardName",
    "AWS::EC2::SecurityGroup": "GroupName",
    "AWS::Events::Rule": "Name",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Role": "RoleName",
    "AWS::KMS::Alias": "AliasName",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::Logs::MetricFilter": "FilterName",
    "AWS::RDS::DBInstance": "DBInstanceIdentifier",
    "AWS::RDS::DBParameterGroup": "DBParameterGroupName",
    "AWS::RDS::DBSubnetGroup": "DBSubnetGroupName",
    "AWS::RDS::EventSubscription": "SubscriptionName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::SNS::Topic": "TopicName",
    "AWS::StepFunctions::StateMachine": "StateMachineName",
}
KEY = {"Fn::GetAtt": ["EncryptionKey", "Arn"]}


def of_type(template: JsonTemplate, resource_type: str) -> dict[str, Any]:
    """The properties of all resources of a type, by logical id."""
    return {
        logical_id: resource["Properties"]
        for logical_id, resource in template["Resources"].items()
        if resource["Type"] == resource_type
    }


def only(template: JsonTemplate, resource_type: str) -> dict[str, Any]:
    properties: dict[str, Any]
    [properties] = of_type(template, resource_type).values()
    return properties


def resource(template: JsonTemplate, logical_id: str) -> dict[str, Any]:
    """The properties of one resource."""
    properties: dict[str, Any] = template["Resources"][logical_id]["Properties"]
    return properties


def name_of(resource: dict[str, Any], suffix: str = "a" * 20, account: str = "123456789012") -> str:
    """The name a resource has after a launch."""
    properties = resource["Properties"]
    if resource["Type"] in NAME_PROPERTY:
        name = properties[NAME_PROPERTY[resource["Type"]]]
    else:
        [name] = [tag["Value"] for tag in properties["Tags"] if tag["Key"] == "Name"]
    return text(name).replace("${EnvironmentSuffix}", suffix).replace("${AWS::AccountId}", account)


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def refers_to(value: Any) -> str:
    """The logical id a Ref or GetAtt names."""
    return str(value["Ref"] if "Ref" in value else value["Fn::GetAtt"][0])


@pytest.fixture
def database(product_template: JsonTemplate) -> dict[str, Any]:
    return only(product_template, "AWS::RDS::DBInstance")


class TestDatabase:
    def test_r10_runs_the_newest_minor_of_postgresql_14_that_rds_creates(
        self, database: dict[str, Any]
    ) -> None:
        assert (database["Engine"], database["EngineVersion"]) == ("postgres", "14")
        assert database["AutoMinorVersionUpgrade"] is True

    def test_r10_can_be_launched_after_standard_support_has_ended(
        self, product_template: JsonTemplate, database: dict[str, Any]
    ) -> None:
        assert database["EngineLifecycleSupport"] == {"Ref": "EngineLifecycleSupport"}
        default = product_template["Parameters"]["EngineLifecycleSupport"]["Default"]
        assert default == "open-source-rds-extended-support"

    def test_r10_is_multi_az_on_db_r6g_xlarge_unless_another_class_is_chosen(
        self, product_template: JsonTemplate, database: dict[str, Any]
    ) -> None:
        assert database["MultiAZ"] is True
        assert database["DBInstanceClass"] == {"Ref": "InstanceClass"}
        assert product_template["Parameters"]["InstanceClass"]["Default"] == "db.r6g.xlarge"

    def test_r10_storage_is_gp3_and_grows_to_the_ceiling(self, database: dict[str, Any]) -> None:
        assert database["StorageType"] == "gp3"
        assert database["AllocatedStorage"] == {"Ref": "AllocatedStorage"}
        assert database["MaxAllocatedStorage"] == {"Ref": "MaxAllocatedStorage"}

    def test_r12_can_be_restored_to_any_second_of_at_least_one_day(
        self, product_template: JsonTemplate, database: dict[str, Any]
    ) -> None:
        assert database["BackupRetentionPeriod"] == {"Ref": "BackupRetentionDays"}
        assert product_template["Parameters"]["BackupRetentionDays"]["MinValue"] == 1
        assert database["CopyTagsToSnapshot"] is True

    def test_r16_has_no_public_endpoint_and_lives_in_private_subnets(
        self, product_template: JsonTemplate, database: dict[str, Any]
    ) -> None:
        assert database["PubliclyAccessible"] is False
        subnets = only(product_template, "AWS::RDS::DBSubnetGroup")["SubnetIds"]
        assert [refers_to(subnet) for subnet in subnets] == [
            "NetworkVpcPrivateSubnet1Subnet",
            "NetworkVpcPrivateSubnet2Subnet",
        ]

    def test_r19_refuses_connections_without_tls_1_2(
        self, product_template: JsonTemplate, database: dict[str, Any]
    ) -> None:
        group = only(product_template, "AWS::RDS::DBParameterGroup")
        assert group["Parameters"]["rds.force_ssl"] == "1"
        assert group["Parameters"]["ssl_min_protocol_version"] == "TLSv1.2"
        assert database["DBParameterGroupName"] == {"Ref": "DatabaseParameterGroup"}
        assert database["CACertificateIdentifier"] == "rds-ca-rsa2048-g1"

    def test_r19_the_ready_command_verifies_the_server(self, product_template: JsonTemplate) -> None:
        command = text(product_template["Outputs"]["PsqlCommand"]["Value"])
        assert "sslmode=verify-full" in command
        assert "host=${DatabaseInstance.Endpoint.Address}" in command

    def test_r20_rds_keeps_the_password_in_a_secret_under_our_key(self, database: dict[str, Any]) -> None:
        assert database["ManageMasterUserPassword"] is True
        assert database["MasterUserSecret"] == {"KmsKeyId": KEY}
        assert "MasterUserPassword" not in database

    def test_r20_database_users_can_log_in_with_iam_and_need_no_password(
        self, product_template: JsonTemplate, database: dict[str, Any]
    ) -> None:
        assert database["EnableIAMDatabaseAuthentication"] is True
        users = text(product_template["Outputs"]["DatabaseUserArns"]["Value"])
        assert users.endswith(":dbuser:${DatabaseInstance.DbiResourceId}/*")

    def test_r24_who_connects_and_who_fails_to_is_logged(
        self, product_template: JsonTemplate, database: dict[str, Any]
    ) -> None:
        assert database["EnableCloudwatchLogsExports"] == ["postgresql", "upgrade", "iam-db-auth-error"]
        group = only(product_template, "AWS::RDS::DBParameterGroup")
        assert group["Parameters"]["log_connections"] == group["Parameters"]["log_disconnections"] == "1"

    def test_r14_what_the_operating_system_and_the_queries_do_is_recorded(
        self, database: dict[str, Any]
    ) -> None:
        assert database["MonitoringInterval"] == 60
        assert refers_to(database["MonitoringRoleArn"]) == "DatabaseMonitoringRole"
        assert database["EnablePerformanceInsights"] is True
        assert database["DatabaseInsightsMode"] == "standard"

    def test_a_major_upgrade_can_replace_the_parameter_group(self, product_template: JsonTemplate) -> None:
        group = only(product_template, "AWS::RDS::DBParameterGroup")
        assert group["Family"] == "postgres14"
        assert group["Family"] in text(group["DBParameterGroupName"])


class TestEncryption:
    def test_r11_everything_that_keeps_data_is_encrypted_with_our_key(
        self, product_template: JsonTemplate, database: dict[str, Any]
    ) -> None:
        assert database["StorageEncrypted"] is True
        assert database["KmsKeyId"] == database["PerformanceInsightsKMSKeyId"] == KEY
        assert only(product_template, "AWS::SNS::Topic")["KmsMasterKeyId"] == KEY
        assert {
            json.dumps(group["KmsKeyId"])
            for group in of_type(product_template, "AWS::Logs::LogGroup").values()
        } == {json.dumps(KEY)}
        [rule] = resource(product_template, "BackupsBucket")["BucketEncryption"][
            "ServerSideEncryptionConfiguration"
        ]
        assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}

    def test_r11_cloudwatch_logs_may_use_the_key_for_each_log_group_and_no_other(
        self, product_template: JsonTemplate
    ) -> None:
        allowed = {
            text(statement["Condition"]["ArnEquals"]["kms:EncryptionContext:aws:logs:arn"]).split(
                ":log-group:"
            )[1]
            for statement in only(product_template, "AWS::KMS::Key")["KeyPolicy"]["Statement"]
            if text(statement["Principal"].get("Service", "")).startswith("logs.")
        }
        groups = of_type(product_template, "AWS::Logs::LogGroup").values()
        assert allowed == {text(group["LogGroupName"]) for group in groups}

    def test_r22_the_key_goes_after_seven_days_and_does_not_rotate(
        self, product_template: JsonTemplate
    ) -> None:
        key = only(product_template, "AWS::KMS::Key")
        assert (key["PendingWindowInDays"], key["EnableKeyRotation"]) == (7, False)


class TestNetwork:
    def test_r16_the_range_chosen_at_launch_is_cut_into_two_public_and_two_private_subnets(
        self, product_template: JsonTemplate
    ) -> None:
        assert only(product_template, "AWS::EC2::VPC")["CidrBlock"] == {"Ref": "VpcCidr"}
        subnets = of_type(product_template, "AWS::EC2::Subnet")
        assert sorted(subnets) == [
            f"NetworkVpc{kind}Subnet{zone}Subnet" for kind in ("Private", "Public") for zone in (1, 2)
        ]
        blocks = [subnet["CidrBlock"]["Fn::Select"] for subnet in subnets.values()]
        assert sorted(number for number, _ in blocks) == [0, 1, 2, 3]
        assert {json.dumps(source) for _, source in blocks} == {
            json.dumps({"Fn::Cidr": [{"Fn::GetAtt": ["NetworkVpc", "CidrBlock"]}, 4, "8"]})
        }
        assert not any(subnet["MapPublicIpOnLaunch"] for subnet in subnets.values())

    def test_r23_zones_are_the_first_two_of_wherever_it_is_launched(
        self, product_template: JsonTemplate
    ) -> None:
        for logical_id, subnet in of_type(product_template, "AWS::EC2::Subnet").items():
            zone = int(re.findall(r"\d", logical_id)[0]) - 1
            assert subnet["AvailabilityZone"] == {"Fn::Select": [zone, {"Fn::GetAZs": ""}]}

    @pytest.mark.parametrize("zone", [1, 2])
    def test_r17_r23_each_zone_reaches_the_internet_through_its_own_nat_gateway(
        self, product_template: JsonTemplate, zone: int
    ) -> None:
        gateway = product_template["Resources"][f"NetworkVpcPublicSubnet{zone}NATGateway"]["Properties"]
        assert refers_to(gateway["SubnetId"]) == f"NetworkVpcPublicSubnet{zone}Subnet"
        route = product_template["Resources"][f"NetworkVpcPrivateSubnet{zone}DefaultRoute"]["Properties"]
        assert route["DestinationCidrBlock"] == "0.0.0.0/0"
        assert refers_to(route["NatGatewayId"]) == f"NetworkVpcPublicSubnet{zone}NATGateway"

    def test_r16_the_outputs_name_the_subnets_in_which_clients_run(
        self, product_template: JsonTemplate
    ) -> None:
        outputs = product_template["Outputs"]
        assert text(outputs["PrivateSubnetIds"]["Value"]) == (
            "${NetworkVpcPrivateSubnet1Subnet},${NetworkVpcPrivateSubnet2Subnet}"
        )
        assert list(outputs).index("PrivateSubnetIds") == list(outputs).index("VpcId") + 1

    def test_r18_rds_sns_logs_and_eventbridge_are_reached_privately_from_both_zones(
        self, product_template: JsonTemplate
    ) -> None:
        endpoints = of_type(product_template, "AWS::EC2::VPCEndpoint").values()
        assert sorted(text(endpoint["ServiceName"]) for endpoint in endpoints) == [
            f"com.amazonaws.${{AWS::Region}}.{service}" for service in ("events", "logs", "rds", "sns")
        ]
        for endpoint in endpoints:
            assert endpoint["VpcEndpointType"] == "Interface"
            assert endpoint["PrivateDnsEnabled"] is True
            assert [refers_to(group) for group in endpoint["SecurityGroupIds"]] == [
                "NetworkEndpointSecurityGroup"
            ]
            assert len(endpoint["SubnetIds"]) == 2

    def test_r20_only_members_of_the_client_group_reach_the_database(
        self, product_template: JsonTemplate, database: dict[str, Any]
    ) -> None:
        assert [refers_to(group) for group in database["VPCSecurityGroups"]] == [
            "NetworkDatabaseSecurityGroup"
        ]
        assert (
            "SecurityGroupIngress"
            not in product_template["Resources"]["NetworkDatabaseSecurityGroup"]["Properties"]
        )
        rule = only(product_template, "AWS::EC2::SecurityGroupIngress")
        assert refers_to(rule["GroupId"]) == "NetworkDatabaseSecurityGroup"
        assert refers_to(rule["SourceSecurityGroupId"]) == "NetworkClientSecurityGroup"
        assert (rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) == ("tcp", 5432, 5432)

    def test_r20_nothing_leaves_but_from_the_clients_to_the_database(
        self, product_template: JsonTemplate
    ) -> None:
        rule = only(product_template, "AWS::EC2::SecurityGroupEgress")
        assert refers_to(rule["GroupId"]) == "NetworkClientSecurityGroup"
        assert refers_to(rule["DestinationSecurityGroupId"]) == "NetworkDatabaseSecurityGroup"
        for group in of_type(product_template, "AWS::EC2::SecurityGroup").values():
            # A rule that matches nothing: a group without a rule gets one from EC2 that lets everything out.
            assert [(rule["CidrIp"], rule["IpProtocol"]) for rule in group["SecurityGroupEgress"]] == [
                ("255.255.255.255/32", "icmp")
            ]

    def test_r20_endpoints_take_https_from_inside_the_network_only(
        self, product_template: JsonTemplate
    ) -> None:
        [rule] = product_template["Resources"]["NetworkEndpointSecurityGroup"]["Properties"][
            "SecurityGroupIngress"
        ]
        assert text(rule["CidrIp"]) == "${NetworkVpc.CidrBlock}"
        assert (rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) == ("tcp", 443, 443)

    def test_r20_an_endpoint_lets_through_what_is_needed_inside_and_only_for_this_account(
        self, product_template: JsonTemplate
    ) -> None:
        let_through = {}
        for endpoint in of_type(product_template, "AWS::EC2::VPCEndpoint").values():
            [statement] = endpoint["PolicyDocument"]["Statement"]
            assert statement["Condition"] == {
                "StringEquals": {"aws:PrincipalAccount": {"Ref": "AWS::AccountId"}}
            }
            service = text(endpoint["ServiceName"]).rpartition(".")[2]
            assert f":{service}:${{AWS::Region}}:${{AWS::AccountId}}:" in text(statement["Resource"])
            let_through[service] = listed(statement["Action"])
        assert let_through == {
            "rds": ["rds:Describe*", "rds:ListTagsForResource"],
            "sns": ["sns:Publish"],
            "logs": [
                "logs:CreateLogStream",
                "logs:DescribeLogGroups",
                "logs:DescribeLogStreams",
                "logs:PutLogEvents",
            ],
            "events": ["events:PutEvents"],
        }

    def test_r20_the_default_security_group_is_closed(self, product_template: JsonTemplate) -> None:
        closed = only(product_template, "Custom::ClosedSecurityGroup")
        assert closed["GroupId"] == {"Fn::GetAtt": ["NetworkVpc", "DefaultSecurityGroup"]}
        assert refers_to(closed["ServiceToken"]) == "NetworkCloser"

    def test_r24_all_traffic_of_the_network_is_recorded(self, product_template: JsonTemplate) -> None:
        flow_log = only(product_template, "AWS::EC2::FlowLog")
        assert refers_to(flow_log["ResourceId"]) == "NetworkVpc"
        assert (flow_log["ResourceType"], flow_log["TrafficType"]) == ("VPC", "ALL")
        assert refers_to(flow_log["LogGroupName"]) == "NetworkFlowLogGroup"


class TestBackups:
    @pytest.mark.parametrize("bucket", ["BackupsBucket", "BackupsLogBucket"])
    def test_r13_a_bucket_keeps_every_version_and_is_private(
        self, product_template: JsonTemplate, bucket: str
    ) -> None:
        properties = resource(product_template, bucket)
        assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
        assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}

    def test_r19_the_buckets_and_the_topic_refuse_plain_http(self, product_template: JsonTemplate) -> None:
        policies = of_type(product_template, "AWS::S3::BucketPolicy") | of_type(
            product_template, "AWS::SNS::TopicPolicy"
        )
        assert len(policies) == 3
        for policy in policies.values():
            assert any(
                statement["Effect"] == "Deny"
                and statement.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
                for statement in policy["PolicyDocument"]["Statement"]
            )

    def test_r13_the_buckets_are_emptied_before_they_are_deleted(
        self, product_template: JsonTemplate
    ) -> None:
        emptying = of_type(product_template, "Custom::EmptyBucketOnDelete").values()
        assert [refers_to(one["BucketName"]) for one in emptying] == ["BackupsBucket", "BackupsLogBucket"]
        assert {refers_to(one["ServiceToken"]) for one in emptying} == {"BackupsEmptier"}

    def test_r24_access_to_the_backups_is_logged_where_s3_can_deliver_it(
        self, product_template: JsonTemplate
    ) -> None:
        logging = resource(product_template, "BackupsBucket")["LoggingConfiguration"]
        assert refers_to(logging["DestinationBucketName"]) == "BackupsLogBucket"
        [rule] = resource(product_template, "BackupsLogBucket")["BucketEncryption"][
            "ServerSideEncryptionConfiguration"
        ]
        assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
        assert "BackupsLogBucketPolicy" in product_template["Resources"]["BackupsBucket"]["DependsOn"]

    def test_backups_and_logs_are_kept_for_90_days(self, product_template: JsonTemplate) -> None:
        for bucket in ("BackupsBucket", "BackupsLogBucket"):
            [rule] = resource(product_template, bucket)["LifecycleConfiguration"]["Rules"]
            assert (rule["Status"], rule["ExpirationInDays"]) == ("Enabled", 90)
            assert rule["NoncurrentVersionExpiration"]["NoncurrentDays"] <= 7

    def test_r12_every_automated_snapshot_starts_the_export(self, product_template: JsonTemplate) -> None:
        rule = only(product_template, "AWS::Events::Rule")
        assert rule["EventPattern"]["source"] == ["aws.rds"]
        assert rule["EventPattern"]["detail-type"] == ["RDS DB Snapshot Event"]
        detail = rule["EventPattern"]["detail"]
        assert detail["EventID"] == ["RDS-EVENT-0091"]
        [snapshot] = detail["SourceIdentifier"]
        prefix = text(snapshot["prefix"])
        assert prefix == "rds:database-${EnvironmentSuffix}-20"
        assert [refers_to(target["Arn"]) for target in rule["Targets"]] == ["ExportsWorkflow"]
        # Those for database-prod-eu would succeed without an export, so export-heartbeat would not fire.
        ours, another = (f"rds:database-{suffix}-2026-11-01-06-03" for suffix in ("prod", "prod-eu"))
        prefix = prefix.replace("${EnvironmentSuffix}", "prod")
        assert (ours.startswith(prefix), another.startswith(prefix)) == (True, False)


class TestRoles:
    def test_r20_each_may_do_what_its_service_does_here_and_no_more(
        self, product_template: JsonTemplate
    ) -> None:
        granted = {
            f"{text(policy['ManagedPolicyName']).removesuffix('-policy-${EnvironmentSuffix}')} "
            f"{action} {text(resource_)}"
            for policy in of_type(product_template, "AWS::IAM::ManagedPolicy").values()
            for statement in policy["PolicyDocument"]["Statement"]
            for action in listed(statement["Action"])
            for resource_ in listed(statement["Resource"])
        }
        arn = "arn:${AWS::Partition}"
        here = "${AWS::Region}:${AWS::AccountId}"
        bucket, log_bucket = (
            f"{arn}:s3:::{kind}-bucket-${{AWS::AccountId}}-${{EnvironmentSuffix}}"
            for kind in ("backup", "access-log")
        )
        expected = {
            "empty-bucket": {
                "logs:CreateLogStream logs:PutLogEvents": ["${BackupsEmptierLog.Arn}"],
                "s3:ListBucketVersions s3:PutBucketPolicy": [bucket, log_bucket],
                "s3:DeleteObject s3:DeleteObjectVersion": [f"{bucket}/*", f"{log_bucket}/*"],
            },
            "close-security-group": {
                "logs:CreateLogStream logs:PutLogEvents": ["${NetworkCloserLog.Arn}"],
                "ec2:DescribeSecurityGroups": ["*"],
                "ec2:RevokeSecurityGroupEgress ec2:RevokeSecurityGroupIngress": [
                    f"{arn}:ec2:{here}:security-group/${{NetworkVpc.DefaultSecurityGroup}}"
                ],
            },
            "flow-log": {
                "logs:CreateLogStream logs:DescribeLogStreams logs:PutLogEvents": [
                    "${NetworkFlowLogGroup.Arn}"
                ],
                "logs:DescribeLogGroups": ["*"],
            },
            "monitoring": {
                "logs:CreateLogGroup logs:PutRetentionPolicy": [f"{arn}:logs:{here}:log-group:RDSOSMetrics*"],
                "logs:CreateLogStream logs:DescribeLogStreams logs:GetLogEvents logs:PutLogEvents": [
                    f"{arn}:logs:{here}:log-group:RDSOSMetrics:log-stream:*"
                ],
            },
            "export": {
                "s3:PutObject* s3:GetObject* s3:DeleteObject*": ["${BackupsBucket.Arn}/exports/*"],
                "s3:ListBucket s3:GetBucketLocation": ["${BackupsBucket.Arn}"],
                "kms:Decrypt kms:DescribeKey kms:GenerateDataKey": ["${EncryptionKey.Arn}"],
            },
            "export-workflow": {
                "rds:StartExportTask": [f"{arn}:rds:{here}:snapshot:rds:database-${{EnvironmentSuffix}}-*"],
                "rds:DescribeExportTasks": ["*"],
                "iam:PassRole": ["${ExportsExportRole.Arn}"],
                "kms:CreateGrant kms:DescribeKey": ["${EncryptionKey.Arn}"],
                "logs:CreateLogDelivery logs:DeleteLogDelivery logs:DescribeLogGroups "
                "logs:DescribeResourcePolicies logs:GetLogDelivery logs:ListLogDeliveries "
                "logs:PutResourcePolicy logs:UpdateLogDelivery": ["*"],
                "xray:GetSamplingRules xray:GetSamplingTargets": ["*"],
                "xray:PutTelemetryRecords xray:PutTraceSegments": ["*"],
            },
            "export-rule": {"states:StartExecution": ["${ExportsWorkflow}"]},
        }
        assert granted == {
            f"{kind} {action} {resource_}"
            for kind, statements in expected.items()
            for actions, resources in statements.items()
            for action in actions.split()
            for resource_ in resources
        }

    @pytest.mark.parametrize("form", ["RDSOSMetrics", "RDSOSMetrics:log-stream:"])
    def test_r14_rds_may_create_its_group_whichever_way_iam_writes_it(
        self, product_template: JsonTemplate, form: str
    ) -> None:
        create, _ = resource(product_template, "DatabaseMonitoringRolePolicy")["PolicyDocument"]["Statement"]
        assert "logs:CreateLogGroup" in create["Action"]
        here = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:"
        assert fnmatchcase(here + form, text(create["Resource"]))

    def test_r20_no_service_can_be_made_to_act_for_another_account(
        self, product_template: JsonTemplate
    ) -> None:
        roles = of_type(product_template, "AWS::IAM::Role")
        assert len(roles) == 7
        for logical_id, role in roles.items():
            [statement] = role["AssumeRolePolicyDocument"]["Statement"]
            if statement["Principal"] == {"Service": "lambda.amazonaws.com"}:
                # AWS does not document that Lambda sends aws:SourceAccount here.
                assert "Condition" not in statement, logical_id
                continue
            condition = statement["Condition"]
            assert condition["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}, logical_id
            assert "aws:SourceArn" in condition["ArnLike"], logical_id

    def test_r20_resource_policies_name_the_account_that_a_service_may_act_for(
        self, product_template: JsonTemplate
    ) -> None:
        for resource_type in ("AWS::S3::BucketPolicy", "AWS::SNS::TopicPolicy"):
            for policy in of_type(product_template, resource_type).values():
                for statement in policy["PolicyDocument"]["Statement"]:
                    if statement["Effect"] == "Allow":
                        here = statement["Condition"]["StringEquals"]["aws:SourceAccount"]
                        assert here == {"Ref": "AWS::AccountId"}


class TestMonitoring:
    def test_r15_rds_events_of_the_database_and_of_its_parameters_go_to_the_topic(
        self, product_template: JsonTemplate
    ) -> None:
        subscriptions = of_type(product_template, "AWS::RDS::EventSubscription").values()
        assert {
            one["SourceType"]: (refers_to(one["SourceIds"][0]), one["SnsTopicArn"]) for one in subscriptions
        } == {
            "db-instance": ("DatabaseInstance", {"Ref": "MonitoringTopic"}),
            "db-parameter-group": ("DatabaseParameterGroup", {"Ref": "MonitoringTopic"}),
        }
        [of_instance] = [one for one in subscriptions if one["SourceType"] == "db-instance"]
        assert {"failover", "failure", "low storage"} <= set(of_instance["EventCategories"])

    @pytest.mark.parametrize(
        ("service", "source"),
        [
            ("cloudwatch.amazonaws.com", "alarm:*-${EnvironmentSuffix}"),
            ("events.rds.amazonaws.com", "db:database-${EnvironmentSuffix}"),
            ("events.rds.amazonaws.com", "pg:parameter-group-*-${EnvironmentSuffix}"),
            ("events.rds.amazonaws.com", "es:event-subscription*-${EnvironmentSuffix}"),
        ],
    )
    def test_r15_both_the_topic_and_its_key_let_the_publisher_in(
        self, product_template: JsonTemplate, service: str, source: str
    ) -> None:
        """One without the other loses every message silently."""
        topic = only(product_template, "AWS::SNS::TopicPolicy")["PolicyDocument"]
        key = only(product_template, "AWS::KMS::Key")["KeyPolicy"]
        for policy, actions in ((topic, "sns:Publish"), (key, ["kms:Decrypt", "kms:GenerateDataKey*"])):
            [statement] = [one for one in policy["Statement"] if one["Principal"] == {"Service": service}]
            assert (statement["Effect"], statement["Action"]) == ("Allow", actions)
            sources = [text(arn) for arn in listed(statement["Condition"]["ArnLike"]["aws:SourceArn"])]
            assert any(arn.endswith(f":{source}") for arn in sources)
            assert text(statement["Condition"]["StringEquals"]["aws:SourceAccount"]) == "${AWS::AccountId}"

    def test_r15_alarm_names_are_among_those_that_may_publish(self, product_template: JsonTemplate) -> None:
        for alarm in of_type(product_template, "AWS::CloudWatch::Alarm").values():
            assert text(alarm["AlarmName"]).endswith("-${EnvironmentSuffix}")


class TestNames:
    def test_r21_every_resource_is_named_by_its_type_and_ends_in_the_suffix(
        self, product_template: JsonTemplate
    ) -> None:
        for logical_id, resource in product_template["Resources"].items():
            if resource["Type"] not in NAMELESS:
                # RDS fixes the names of its log groups, except for the middle.
                pattern = (
                    r"(/aws/[a-z/]+/|alias/)?[a-z][a-z0-9-]*-(ACCOUNT-)?SUFFIX"
                    r"(/(postgresql|upgrade|iam-db-auth-error))?"
                )
                assert re.fullmatch(pattern, name_of(resource, "SUFFIX", "ACCOUNT")), logical_id

    def test_r21_no_two_resources_of_a_type_share_a_name(self, product_template: JsonTemplate) -> None:
        names = [
            (resource["Type"], name_of(resource))
            for resource in product_template["Resources"].values()
            if resource["Type"] not in NAMELESS
        ]
        assert len(names) == len(set(names))

    @pytest.mark.parametrize(
        "logical_id",
        ["DatabaseInstance", "BackupsBucket", "BackupsLogBucket", "NetworkCloserRole", "NetworkCloser"],
    )
    def test_r21_the_longest_suffix_fits_where_names_are_shortest(
        self, product_template: JsonTemplate, logical_id: str
    ) -> None:
        """63 characters for RDS ("CreateDBInstance") and S3 ("Bucket naming rules"), 64 for IAM roles."""
        assert len(name_of(product_template["Resources"][logical_id])) <= 63

    def test_r21_the_longest_name_of_an_export_is_one_that_rds_takes(self) -> None:
        """60 characters, it says in the RDS console; the API names no limit."""
        assert len(f"rds-database-{'a' * 20}-2026-11-22-06-03") <= 60

    def test_r20_no_role_has_a_policy_of_its_own_beside_the_named_ones(
        self, product_template: JsonTemplate
    ) -> None:
        assert not of_type(product_template, "AWS::IAM::Policy")
        assert not any("Policies" in role for role in of_type(product_template, "AWS::IAM::Role").values())


def test_no_role_can_go_beyond_the_boundary_of_the_account(product_template: JsonTemplate) -> None:
    roles = [r["Properties"] for r in product_template["Resources"].values() if r["Type"] == "AWS::IAM::Role"]
    boundaries = {text(role.get("PermissionsBoundary")) for role in roles}
    assert boundaries == {"arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/TapStackBoundary"}


def test_a_template_says_which_roles_it_needs(product_template: JsonTemplate) -> None:
    assert product_template["Metadata"]["TapStack"] == {"RolesVersion": ROLES_VERSION}
