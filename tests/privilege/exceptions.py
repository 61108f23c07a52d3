"""Where the roles' permissions differ from a general rule, and why. All such exceptions are here."""


def lines(text: str) -> list[str]:
    return text.split()


# Actions in the resource types' schemas that a TapStack never causes, because it does without the feature.
NOT_GRANTED = {
    "transferred, elastic or private addresses of anything but a NAT gateway": lines(
        """ec2:AcceptAddressTransfer ec2:AssociateAddress ec2:AssociateNatGatewayAddress
        ec2:DisassociateNatGatewayAddress ec2:AssignPrivateNatGatewayAddress
        ec2:UnassignPrivateNatGatewayAddress"""
    ),
    "VPN gateways, IPv6, tenancy, encryption controls, VPC Lattice and endpoints of other regions": lines(
        """ec2:AttachVpnGateway ec2:DetachVpnGateway ec2:AssociateSubnetCidrBlock
        ec2:DisassociateSubnetCidrBlock ec2:ModifyVpcTenancy ec2:CreateVpcEncryptionControl
        ec2:DescribeVpcEncryptionControls vpc-lattice:* vpce:AllowMultiRegion"""
    ),
    "users and groups": lines("iam:*UserPolicy iam:*GroupPolicy iam:ListRoles"),
    "policies in a role: the product's roles have managed ones": lines(
        "iam:PutRolePolicy iam:DeleteRolePolicy"
    ),
    "a role is made with its boundary, which nothing changes or takes off": ["iam:*RolePermissionsBoundary"],
    "a function's network, file system, concurrency, signing, layers, versions and package in S3": lines(
        """lambda:*FunctionConcurrency lambda:GetCodeSigningConfig lambda:DeleteFunctionCodeSigningConfig
        lambda:GetLayerVersion lambda:Put* lambda:PassCapacityProvider lambda:AssociateRuntimeAlias
        lambda:PublishVersion elasticfilesystem:* s3files:* s3:GetObject s3:GetObjectVersion"""
    ),
    "data protection, resource policies and indexes of logs": lines(
        """logs:PutDataProtectionPolicy logs:DeleteDataProtectionPolicy logs:PutResourcePolicy
        logs:DeleteResourcePolicy logs:PutIndexPolicy logs:DeleteIndexPolicy
        logs:PutBearerTokenAuthentication logs:PutLogGroupDeletionProtection s3:REST.PUT.OBJECT firehose:*"""
    ),
    "replicas, restores, snapshots, clusters and roles of databases": lines(
        """rds:AddRoleToDBInstance rds:RemoveRoleFromDBInstance rds:CreateDBInstanceReadReplica
        rds:RestoreDBInstanceFromDBSnapshot rds:RestoreDBInstanceToPointInTime rds:PromoteReadReplica
        rds:StartDBInstanceAutomatedBackupsReplication rds:StopDBInstanceAutomatedBackupsReplication
        rds:CreateDBSnapshot"""
    ),
    "what else a bucket may have, from analytics to websites": lines(
        """s3:PutAnalyticsConfiguration s3:DeleteBucketAnalyticsConfiguration s3:PutBucketCORS
        s3:DeleteBucketCors s3:PutInventoryConfiguration s3:PutMetricsConfiguration
        s3:DeleteBucketMetricsConfiguration s3:PutBucketNotification s3:PutBucketReplication
        s3:PutReplicationConfiguration s3:DeleteBucketReplication s3:PutBucketWebsite
        s3:DeleteBucketWebsite s3:PutAccelerateConfiguration s3:*ObjectAcl s3:PutBucketAcl
        s3:PutBucketObjectLockConfiguration s3:PutObjectLockConfiguration
        s3:PutIntelligentTieringConfiguration s3:CreateBucketMetadata* s3:UpdateBucketMetadata*
        s3:DeleteBucketMetadata* s3:PutBucketAbac s3:DeleteObject
        s3:DeleteBucketLifecycle s3:DeleteBucketEncryption s3tables:*"""
    ),
    "subscriptions in the template and data protection of topics": lines(
        "sns:Subscribe sns:Unsubscribe sns:PutDataProtectionPolicy"
    ),
}
# Actions that the schemas' handlers do not list.
GRANTED_BESIDES = {
    "invoking the function behind a custom resource": ["lambda:InvokeFunction"],
    "tags, which the schemas name apart from their handlers": lines("iam:ListRoleTags lambda:ListTags"),
    "a master secret that RDS manages": ["secretsmanager:RotateSecret"],
}
# Every action that is allowed on all resources without a condition and does more than read.
ON_EVERYTHING = {
    "a new resource group has no ARN yet": ["resource-groups:CreateGroup"],
    "the action knows no resource": lines(
        """sns:Unsubscribe tag:TagResources tag:UntagResources xray:PutTelemetryRecords xray:PutTraceSegments
        servicecatalog:NotifyProvisionProductEngineWorkflowResult
        servicecatalog:NotifyUpdateProvisionedProductEngineWorkflowResult
        servicecatalog:NotifyTerminateProvisionedProductEngineWorkflowResult
        logs:CreateLogDelivery logs:DeleteLogDelivery logs:UpdateLogDelivery logs:PutResourcePolicy"""
    ),
}
# Granted, but not used in the lives in the local cloud: reason -> role -> patterns of actions.
NOT_SEEN: dict[str, dict[str, list[str]]] = {
    "the local cloud takes traces by UDP and forgets them": {"*": ["xray:*"]},
    "the local cloud keeps the history of executions in the clear": {
        "*-EngineWorkflowRole*": lines("kms:Decrypt kms:GenerateDataKey"),
        "*-EngineReceiveRole*": lines("kms:Decrypt kms:GenerateDataKey"),
        "*-EngineReportRole*": ["kms:GenerateDataKey"],
        "*-EngineSweepRole*": lines("kms:Decrypt kms:GenerateDataKey"),
    },
    "a report that Service Catalog refuses for hours ends in a queue, and so does what nobody can answer": {
        "*-EngineReportRole*": ["sqs:SendMessage"],
        "*-EngineSweepRole*": ["sqs:SendMessage"],
    },
    "the sweep finds nothing to answer in lives that end well; tests/e2e/answers has others": {
        "*-EngineSweepRole*": lines("servicecatalog:* states:DescribeExecution")
    },
    "what Service Catalog does not confirm; tests/e2e/answers/test_forged_messages.py has its life": {
        "*-EngineWorkflowRole*": ["sqs:SendMessage"]
    },
    "records of other accounts are asked for with it, and the local cloud has one account": {
        "SCLaunch-TapStack": ["servicecatalog:DescribeRecord"]
    },
    "CloudFormation's own handlers read more than those of the local cloud": {
        "TapStackExecution": [
            "autoscaling:DescribeTags",
            *lines("cloudwatch:Describe* cloudwatch:Get* cloudwatch:List* ec2:Describe* events:Describe*"),
            *lines("events:List* iam:Get* iam:List* kms:Get* kms:List* lambda:Get* lambda:List*"),
            *lines("logs:Describe* logs:Get* logs:List* rds:Describe* rds:List* s3:Get* s3:List*"),
            *lines("sns:Get* sns:List* states:Describe* states:List*"),
        ]
    },
    "the schemas list it for updates that no update between the present versions makes": {
        "TapStackExecution": lines(
            """ec2:DisassociateAddress ec2:ReplaceRoute ec2:ReplaceRouteTableAssociation
            ec2:UpdateSecurityGroupRuleDescriptions* iam:UpdateRole iam:UpdateRoleDescription kms:DisableKey
            kms:DisableKeyRotation kms:EnableKey kms:EnableKeyRotation kms:UpdateAlias
            kms:UpdateKeyDescription logs:AssociateKmsKey logs:DeleteRetentionPolicy
            logs:DisassociateKmsKey rds:ModifyDBSubnetGroup rds:ModifyEventSubscription
            rds:ResetDBParameterGroup secretsmanager:RotateSecret states:UpdateStateMachine"""
        )
    },
    "tags of a stack change only when those of the product do": {
        "TapStackExecution": lines(
            """*:UntagResource iam:UntagRole ec2:DeleteTags kms:TagResource rds:RemoveTagsFromResource
            s3:TagResource"""
        ),
        "SCLaunch-TapStack": lines(
            """*:UntagResource iam:UntagRole ec2:DeleteTags rds:RemoveTagsFromResource s3:GetBucketTagging"""
        ),
    },
    "the local cloud's Service Catalog does not tag its groups, nor what moto's tagging API does not find": {
        "SCLaunch-TapStack": lines("resource-groups:Tag iam:TagRole events:TagResource states:TagResource")
    },
    "only an account's first database makes it": {"TapStackExecution": ["iam:CreateServiceLinkedRole"]},
    "KMS asks it of RDS, which has the key in its grant": {"TapStackExecution": ["kms:Encrypt"]},
    "for quotas that the account has no value of its own for": {
        "SCLaunch-TapStack": ["servicequotas:GetAWSDefaultServiceQuota"]
    },
    "EC2 asks for it in the caller's name, as the schema of AWS::EC2::FlowLog says": {
        "TapStackExecution": lines("logs:CreateLogDelivery logs:DeleteLogDelivery")
    },
    "zones are asked for where an account has no default subnets": {
        "SCLaunch-TapStack": ["ec2:DescribeAvailabilityZones"]
    },
    "a rollback that has failed; tests/e2e/test_updates.py has its life": {
        "SCLaunch-TapStack": ["cloudformation:ContinueUpdateRollback"]
    },
    "an execution that ends without an answer; tests/e2e/answers/test_interruptions.py has its life": {
        "*-EngineReportRole*": lines("servicecatalog:DescribeRecord states:DescribeExecution")
    },
    "objects are looked at in buckets with Object Lock; tests/e2e/test_terminations.py has its life": {
        "SCLaunch-TapStack": lines("s3:ListBucketVersions s3:GetObjectLegalHold s3:GetObjectRetention")
    },
    "only messages that could not be received are decrypted": {"*-EngineReportRole*": ["kms:Decrypt"]},
    "the parser reads with its own role where there is no launch role": {
        "*-EngineParseParametersRole*": ["s3:GetObject"]
    },
    "S3 asks KMS in the name of who writes an object; the S3 of the local cloud does not": {
        "export-role-*": lines("kms:Decrypt kms:DescribeKey kms:GenerateDataKey")
    },
    "a default security group has no inbound rule in moto": {
        "close-security-group-role-*": ["ec2:RevokeSecurityGroupIngress"]
    },
    "what AWS services do with the product's roles: these lives have no traffic and no load": {
        role: ["*"] for role in ("flow-log-role-*", "monitoring-role-*")
    },
}
# Used, but without them nothing fails for the user: reason -> actions.
NOT_MISSED = {
    "an operation that Service Catalog may not be asked about goes on; an alarm tells the platform team": [
        "servicecatalog:DescribeRecord"
    ],
    "Service Catalog leaves its group if it may not delete it": ["resource-groups:DeleteGroup"],
    "without it the handler of AWS::RDS::DBInstance takes a failed upgrade for a success; verify does not": [
        "rds:DescribeEvents"
    ],
    "an update that could not delete what it replaced is complete; its output Changes says what was left": [
        "rds:DeleteDBParameterGroup"
    ],
}
