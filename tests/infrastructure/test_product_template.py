"""What TapStack promises, row by row of the requirements (R10 to R23)."""

import json
import re
from typing import Any

import pytest

Template = dict[str, Any]

# Nothing in these can be named: they are a connection between two resources, or a policy on one.
NAMELESS = {
    "AWS::EC2::Route",
    "AWS::EC2::SecurityGroupEgress",
    "AWS::EC2::SecurityGroupIngress",
    "AWS::EC2::SubnetRouteTableAssociation",
    "AWS::EC2::VPCGatewayAttachment",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::TopicPolicy",
    "Custom::EmptyBucketOnDelete",
}
NAME_PROPERTY = {
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::EC2::SecurityGroup": "GroupName",
    "AWS::IAM::Role": "RoleName",
    "AWS::KMS::Alias": "AliasName",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::RDS::DBInstance": "DBInstanceIdentifier",
    "AWS::RDS::DBParameterGroup": "DBParameterGroupName",
    "AWS::RDS::DBSubnetGroup": "DBSubnetGroupName",
    "AWS::RDS::EventSubscription": "SubscriptionName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::SNS::Topic": "TopicName",
}
KEY = {"Fn::GetAtt": ["EncryptionKey", "Arn"]}


def of_type(template: Template, resource_type: str) -> dict[str, Any]:
    """The properties of all resources of a type, by logical id."""
    return {
        logical_id: resource["Properties"]
        for logical_id, resource in template["Resources"].items()
        if resource["Type"] == resource_type
    }


def only(template: Template, resource_type: str) -> dict[str, Any]:
    properties: dict[str, Any]
    [properties] = of_type(template, resource_type).values()
    return properties


def text(value: Any) -> str:
    """A value as a person reads it: joined, with ${Name} for what launch fills in."""
    match value:
        case {"Fn::Join": [str(separator), [*parts]]}:
            return separator.join(text(part) for part in parts)
        case {"Ref": name}:
            return f"${{{name}}}"
        case {"Fn::GetAtt": [logical_id, attribute]}:
            return f"${{{logical_id}.{attribute}}}"
    return str(value)


def name_of(resource: dict[str, Any], suffix: str = "a" * 20, account: str = "123456789012") -> str:
    """The name a resource has after a launch."""
    properties = resource["Properties"]
    if resource["Type"] in NAME_PROPERTY:
        name = properties[NAME_PROPERTY[resource["Type"]]]
    else:
        [name] = [tag["Value"] for tag in properties["Tags"] if tag["Key"] == "Name"]
    return text(name).replace("${EnvironmentSuffix}", suffix).replace("${AWS::AccountId}", account)


def refers_to(value: Any) -> str:
    """The logical id a Ref or GetAtt names."""
    return str(value["Ref"] if "Ref" in value else value["Fn::GetAtt"][0])


@pytest.fixture
def database(product_template: Template) -> dict[str, Any]:
    return only(product_template, "AWS::RDS::DBInstance")


class TestDatabase:
    def test_r10_runs_the_newest_minor_of_postgresql_14_that_rds_creates(
        self, database: dict[str, Any]
    ) -> None:
        assert (database["Engine"], database["EngineVersion"]) == ("postgres", "14")
        assert database["AutoMinorVersionUpgrade"] is True

    def test_r10_can_be_launched_after_standard_support_has_ended(self, database: dict[str, Any]) -> None:
        assert database["EngineLifecycleSupport"] == "open-source-rds-extended-support"

    def test_r10_is_multi_az_on_db_r6g_xlarge_unless_another_class_is_chosen(
        self, product_template: Template, database: dict[str, Any]
    ) -> None:
        assert database["MultiAZ"] is True
        assert database["DBInstanceClass"] == {"Ref": "InstanceClass"}
        assert product_template["Parameters"]["InstanceClass"]["Default"] == "db.r6g.xlarge"

    def test_r10_storage_is_gp3_and_grows_to_the_ceiling(self, database: dict[str, Any]) -> None:
        assert database["StorageType"] == "gp3"
        assert database["AllocatedStorage"] == {"Ref": "AllocatedStorage"}
        assert database["MaxAllocatedStorage"] == {"Ref": "MaxAllocatedStorage"}

    def test_r12_can_be_restored_to_any_second_of_at_least_one_day(
        self, product_template: Template, database: dict[str, Any]
    ) -> None:
        assert database["BackupRetentionPeriod"] == {"Ref": "BackupRetentionDays"}
        assert product_template["Parameters"]["BackupRetentionDays"]["MinValue"] == 1
        assert database["CopyTagsToSnapshot"] is True

    def test_r16_has_no_public_endpoint_and_lives_in_private_subnets(
        self, product_template: Template, database: dict[str, Any]
    ) -> None:
        assert database["PubliclyAccessible"] is False
        subnets = only(product_template, "AWS::RDS::DBSubnetGroup")["SubnetIds"]
        assert [refers_to(subnet) for subnet in subnets] == [
            "NetworkVpcPrivateSubnet1Subnet",
            "NetworkVpcPrivateSubnet2Subnet",
        ]

    def test_r19_refuses_connections_without_tls_1_2(
        self, product_template: Template, database: dict[str, Any]
    ) -> None:
        group = only(product_template, "AWS::RDS::DBParameterGroup")
        assert group["Parameters"] == {"rds.force_ssl": "1", "ssl_min_protocol_version": "TLSv1.2"}
        assert database["DBParameterGroupName"] == {"Ref": "DatabaseParameterGroup"}
        assert database["CACertificateIdentifier"] == "rds-ca-rsa2048-g1"

    def test_r19_the_ready_command_verifies_the_server(self, product_template: Template) -> None:
        command = text(product_template["Outputs"]["PsqlCommand"]["Value"])
        assert "sslmode=verify-full" in command
        assert "host=${DatabaseInstance.Endpoint.Address}" in command

    def test_r20_rds_keeps_the_password_in_a_secret_under_our_key(self, database: dict[str, Any]) -> None:
        assert database["ManageMasterUserPassword"] is True
        assert database["MasterUserSecret"] == {"KmsKeyId": KEY}
        assert "MasterUserPassword" not in database

    def test_a_major_upgrade_can_replace_the_parameter_group(self, product_template: Template) -> None:
        group = only(product_template, "AWS::RDS::DBParameterGroup")
        assert group["Family"] == "postgres14"
        assert group["Family"] in text(group["DBParameterGroupName"])


class TestEncryption:
    def test_r11_everything_that_keeps_data_is_encrypted_with_our_key(
        self, product_template: Template, database: dict[str, Any]
    ) -> None:
        assert database["StorageEncrypted"] is True
        assert database["KmsKeyId"] == database["PerformanceInsightsKMSKeyId"] == KEY
        assert only(product_template, "AWS::SNS::Topic")["KmsMasterKeyId"] == KEY
        assert {
            json.dumps(group["KmsKeyId"])
            for group in of_type(product_template, "AWS::Logs::LogGroup").values()
        } == {json.dumps(KEY)}
        [rule] = only(product_template, "AWS::S3::Bucket")["BucketEncryption"][
            "ServerSideEncryptionConfiguration"
        ]
        assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}

    def test_r11_cloudwatch_logs_may_use_the_key_for_each_log_group_and_no_other(
        self, product_template: Template
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

    def test_r22_the_key_goes_after_seven_days_and_does_not_rotate(self, product_template: Template) -> None:
        key = only(product_template, "AWS::KMS::Key")
        assert (key["PendingWindowInDays"], key["EnableKeyRotation"]) == (7, False)


class TestNetwork:
    def test_r16_the_range_chosen_at_launch_is_cut_into_two_public_and_two_private_subnets(
        self, product_template: Template
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

    def test_r23_zones_are_the_first_two_of_wherever_it_is_launched(self, product_template: Template) -> None:
        for logical_id, subnet in of_type(product_template, "AWS::EC2::Subnet").items():
            zone = int(re.findall(r"\d", logical_id)[0]) - 1
            assert subnet["AvailabilityZone"] == {"Fn::Select": [zone, {"Fn::GetAZs": ""}]}

    @pytest.mark.parametrize("zone", [1, 2])
    def test_r17_r23_each_zone_reaches_the_internet_through_its_own_nat_gateway(
        self, product_template: Template, zone: int
    ) -> None:
        gateway = product_template["Resources"][f"NetworkVpcPublicSubnet{zone}NATGateway"]["Properties"]
        assert refers_to(gateway["SubnetId"]) == f"NetworkVpcPublicSubnet{zone}Subnet"
        route = product_template["Resources"][f"NetworkVpcPrivateSubnet{zone}DefaultRoute"]["Properties"]
        assert route["DestinationCidrBlock"] == "0.0.0.0/0"
        assert refers_to(route["NatGatewayId"]) == f"NetworkVpcPublicSubnet{zone}NATGateway"

    def test_r18_rds_sns_logs_and_eventbridge_are_reached_privately_from_both_zones(
        self, product_template: Template
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
        self, product_template: Template, database: dict[str, Any]
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
        self, product_template: Template
    ) -> None:
        rule = only(product_template, "AWS::EC2::SecurityGroupEgress")
        assert refers_to(rule["GroupId"]) == "NetworkClientSecurityGroup"
        assert refers_to(rule["DestinationSecurityGroupId"]) == "NetworkDatabaseSecurityGroup"
        for group in of_type(product_template, "AWS::EC2::SecurityGroup").values():
            # A rule that matches nothing: without any, EC2 adds one that lets everything out.
            assert [(rule["CidrIp"], rule["IpProtocol"]) for rule in group["SecurityGroupEgress"]] == [
                ("255.255.255.255/32", "icmp")
            ]

    def test_r20_endpoints_take_https_from_inside_the_network_only(self, product_template: Template) -> None:
        [rule] = product_template["Resources"]["NetworkEndpointSecurityGroup"]["Properties"][
            "SecurityGroupIngress"
        ]
        assert text(rule["CidrIp"]) == "${NetworkVpc.CidrBlock}"
        assert (rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) == ("tcp", 443, 443)


class TestBackups:
    def test_r13_the_bucket_keeps_every_version_and_is_private(self, product_template: Template) -> None:
        bucket = only(product_template, "AWS::S3::Bucket")
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}

    def test_r19_the_bucket_and_the_topic_refuse_plain_http(self, product_template: Template) -> None:
        for policy in (
            only(product_template, "AWS::S3::BucketPolicy"),
            only(product_template, "AWS::SNS::TopicPolicy"),
        ):
            assert any(
                statement["Effect"] == "Deny"
                and statement.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
                for statement in policy["PolicyDocument"]["Statement"]
            )

    def test_r13_the_bucket_is_emptied_before_it_is_deleted(self, product_template: Template) -> None:
        emptier = only(product_template, "Custom::EmptyBucketOnDelete")
        assert refers_to(emptier["BucketName"]) == "BackupsBucket"
        assert refers_to(emptier["ServiceToken"]) == "BackupsEmptier"

    def test_r20_the_emptying_function_may_do_that_and_write_its_log(
        self, product_template: Template
    ) -> None:
        [policy] = only(product_template, "AWS::IAM::Role")["Policies"]
        granted = {
            action: text(statement["Resource"])
            for statement in policy["PolicyDocument"]["Statement"]
            for action in (
                statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            )
        }
        assert granted == {
            "logs:CreateLogStream": "${BackupsEmptierLog.Arn}",
            "logs:PutLogEvents": "${BackupsEmptierLog.Arn}",
            "s3:ListBucketVersions": "${BackupsBucket.Arn}",
            "s3:DeleteObject": "${BackupsBucket.Arn}/*",
            "s3:DeleteObjectVersion": "${BackupsBucket.Arn}/*",
        }


class TestMonitoring:
    def test_r14_cpu_and_connections_of_the_database_are_watched(self, product_template: Template) -> None:
        alarms = of_type(product_template, "AWS::CloudWatch::Alarm").values()
        assert {alarm["MetricName"]: alarm["Statistic"] for alarm in alarms} == {
            "CPUUtilization": "Average",
            "DatabaseConnections": "Maximum",
        }
        for alarm in alarms:
            assert alarm["Namespace"] == "AWS/RDS"
            assert alarm["Dimensions"] == [
                {"Name": "DBInstanceIdentifier", "Value": {"Ref": "DatabaseInstance"}}
            ]

    def test_r14_the_connections_threshold_fits_each_class_that_can_be_chosen(
        self, product_template: Template
    ) -> None:
        classes = product_template["Parameters"]["InstanceClass"]["AllowedValues"]
        thresholds = product_template["Mappings"]["MonitoringByInstanceClass"]
        assert list(thresholds) == classes
        # LEAST({DBInstanceClassMemory/9531392}, 5000), of which 75 percent: 16, 32 and 64 GiB
        assert [thresholds[name]["ConnectionsAlarm"] for name in classes[:3]] == [1351, 2703, 3750]
        alarm = product_template["Resources"]["MonitoringConnectionsAlarm"]["Properties"]
        assert alarm["Threshold"] == {
            "Fn::FindInMap": ["MonitoringByInstanceClass", {"Ref": "InstanceClass"}, "ConnectionsAlarm"]
        }

    def test_r14_performance_insights_are_on(self, database: dict[str, Any]) -> None:
        assert database["EnablePerformanceInsights"] is True

    def test_r15_alarms_and_their_end_and_rds_events_go_to_the_topic(
        self, product_template: Template
    ) -> None:
        topic = [{"Ref": "MonitoringTopic"}]
        for alarm in of_type(product_template, "AWS::CloudWatch::Alarm").values():
            assert alarm["AlarmActions"] == alarm["OKActions"] == topic
        events = only(product_template, "AWS::RDS::EventSubscription")
        assert [events["SnsTopicArn"]] == topic
        assert events["SourceIds"] == [{"Ref": "DatabaseInstance"}]
        assert {"failover", "failure", "low storage"} <= set(events["EventCategories"])

    @pytest.mark.parametrize(
        ("service", "source"),
        [
            ("cloudwatch.amazonaws.com", "alarm:*-${EnvironmentSuffix}"),
            ("events.rds.amazonaws.com", "db:database-${EnvironmentSuffix}"),
        ],
    )
    def test_r15_both_the_topic_and_its_key_let_the_publisher_in(
        self, product_template: Template, service: str, source: str
    ) -> None:
        """One without the other loses every message silently."""
        topic = only(product_template, "AWS::SNS::TopicPolicy")["PolicyDocument"]
        key = only(product_template, "AWS::KMS::Key")["KeyPolicy"]
        for policy, actions in ((topic, "sns:Publish"), (key, ["kms:Decrypt", "kms:GenerateDataKey*"])):
            [statement] = [one for one in policy["Statement"] if one["Principal"] == {"Service": service}]
            assert (statement["Effect"], statement["Action"]) == ("Allow", actions)
            assert text(statement["Condition"]["ArnLike"]["aws:SourceArn"]).endswith(f":{source}")
            assert text(statement["Condition"]["StringEquals"]["aws:SourceAccount"]) == "${AWS::AccountId}"

    def test_r15_alarm_names_are_among_those_that_may_publish(self, product_template: Template) -> None:
        for alarm in of_type(product_template, "AWS::CloudWatch::Alarm").values():
            assert text(alarm["AlarmName"]).endswith("-${EnvironmentSuffix}")


class TestNames:
    def test_r21_every_resource_is_named_by_its_type_and_ends_in_the_suffix(
        self, product_template: Template
    ) -> None:
        for logical_id, resource in product_template["Resources"].items():
            if resource["Type"] not in NAMELESS:
                # RDS fixes the names of its log groups but for a middle part.
                pattern = r"(/aws/[a-z/]+/|alias/)?[a-z][a-z0-9-]*-(ACCOUNT-)?SUFFIX(/(postgresql|upgrade))?"
                assert re.fullmatch(pattern, name_of(resource, "SUFFIX", "ACCOUNT")), logical_id

    def test_r21_no_two_resources_of_a_type_share_a_name(self, product_template: Template) -> None:
        names = [
            (resource["Type"], name_of(resource))
            for resource in product_template["Resources"].values()
            if resource["Type"] not in NAMELESS
        ]
        assert len(names) == len(set(names))

    @pytest.mark.parametrize("logical_id", ["DatabaseInstance", "BackupsBucket", "BackupsEmptierRole"])
    def test_r21_the_longest_suffix_fits_where_names_are_shortest(
        self, product_template: Template, logical_id: str
    ) -> None:
        """63 characters for RDS ("CreateDBInstance") and S3 ("Bucket naming rules"), 64 for IAM roles."""
        assert len(name_of(product_template["Resources"][logical_id])) <= 63

    def test_r21_inline_policies_are_named_alike(self, product_template: Template) -> None:
        [policy] = only(product_template, "AWS::IAM::Role")["Policies"]
        assert text(policy["PolicyName"]) == "empty-bucket-policy-${EnvironmentSuffix}"


class TestDestruction:
    def test_r22_no_resource_is_retained_or_leaves_a_snapshot(self, product_template: Template) -> None:
        for logical_id, resource in product_template["Resources"].items():
            policies = (resource["DeletionPolicy"], resource["UpdateReplacePolicy"])
            assert policies == ("Delete", "Delete"), logical_id

    def test_r22_the_database_takes_its_backups_along(self, database: dict[str, Any]) -> None:
        assert database["DeletionProtection"] is False
        assert database["DeleteAutomatedBackups"] is True

    def test_r22_every_log_the_database_exports_has_a_group_that_is_deleted_after_it(
        self, product_template: Template, database: dict[str, Any]
    ) -> None:
        instance = product_template["Resources"]["DatabaseInstance"]
        groups = of_type(product_template, "AWS::Logs::LogGroup")
        deleted_after = {
            text(groups[name]["LogGroupName"]) for name in instance["DependsOn"] if name in groups
        }
        identifier = text(database["DBInstanceIdentifier"])
        assert deleted_after == {
            f"/aws/rds/instance/{identifier}/{log}" for log in database["EnableCloudwatchLogsExports"]
        }

    def test_r22_the_function_logs_to_a_group_of_the_stack_that_it_cannot_bring_back(
        self, product_template: Template
    ) -> None:
        function = only(product_template, "AWS::Lambda::Function")
        assert refers_to(function["LoggingConfig"]["LogGroup"]) == "BackupsEmptierLog"
        assert "CreateLogGroup" not in json.dumps(product_template)

    def test_r22_no_log_is_kept_forever(self, product_template: Template) -> None:
        assert all(
            group["RetentionInDays"] for group in of_type(product_template, "AWS::Logs::LogGroup").values()
        )
