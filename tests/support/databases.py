"""The DB instance of a product as RDS describes it."""

from typing import Any


def database(**more: Any) -> dict[str, Any]:
    return {
        "DBInstanceIdentifier": "database-dev",
        "DBInstanceStatus": "available",
        "DBInstanceClass": "db.r6g.xlarge",
        "EngineVersion": "14.22",
        "AllocatedStorage": 100,
        "BackupRetentionPeriod": 7,
        "MultiAZ": True,
        "DBParameterGroups": [
            {"DBParameterGroupName": "parameter-group-postgres14-dev", "ParameterApplyStatus": "in-sync"}
        ],
        "EnabledCloudwatchLogsExports": ["postgresql", "upgrade"],
        "MasterUserSecret": {"SecretArn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:rds!db-1"},
        "PendingModifiedValues": {},
        **more,
    }
