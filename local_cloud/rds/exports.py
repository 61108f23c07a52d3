"""Exports of DB snapshots to S3, with the checks that moto leaves out.

Sources: the RDS API reference (StartExportTask, ExportTask) and the user guide's "Exporting DB
snapshot data to Amazon S3 for Amazon RDS".
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from moto.iam.exceptions import NotFoundException
from moto.iam.models import iam_backends
from moto.rds.models import DBSnapshot
from moto.s3.models import s3_backends

from ..account import ACCOUNT_ID
from ..iam.policies import identity_allows
from ..iam.trust import AccessDenied, check_assume_role, service_caller
from ..kms.models import find_key
from .base import RDSBase
from .exceptions import Refused
from .resources import ExportTask

_PREPARATION, _EXPORT = 120, 480  # AWS seconds; a large database takes hours
_PRINCIPAL = "export.rds.amazonaws.com"
_ENDED = {"COMPLETE", "FAILED", "CANCELED"}
# "Providing access to an Amazon S3 bucket using an IAM role".
_ON_OBJECTS = ("s3:PutObject", "s3:GetObject", "s3:DeleteObject")
_ON_BUCKET = ("s3:ListBucket", "s3:GetBucketLocation")
_IDENTIFIER = re.compile(r"[A-Za-z](-?[A-Za-z0-9])*")


class ExportBackend(RDSBase):
    """RDS's export tasks."""

    def start_export_task(self, kwargs: dict[str, Any]) -> ExportTask:
        """Begin an export. The checks have the errors of StartExportTask's API reference."""
        identifier, bucket = kwargs["export_task_identifier"], kwargs["s3_bucket_name"]
        if kwargs.get("export_only"):
            raise NotImplementedError("exporting a part of a snapshot (ExportOnly)")
        if not _IDENTIFIER.fullmatch(identifier):
            raise Refused(
                "InvalidParameterValue",
                "The parameter ExportTaskIdentifier is not a valid identifier. Identifiers must begin with a "
                "letter; must contain only ASCII letters, digits, and hyphens; and must not end with a "
                "hyphen or contain two consecutive hyphens.",
            )
        if identifier in self.export_tasks:
            raise Refused("ExportTaskAlreadyExists", f"An export task named {identifier} already exists.")
        snapshot = self._exportable(kwargs["source_arn"])
        if bucket not in s3_backends[self.account_id]["aws"].buckets:
            raise Refused("InvalidS3BucketFault", f"The S3 bucket {bucket} doesn't exist.")
        key = find_key(kwargs["kms_key_id"])
        if key is None or not key.enabled:
            raise Refused("KMSKeyNotAccessibleFault", f"KMS key {kwargs['kms_key_id']} is not accessible.")
        _check_role(kwargs["iam_role_arn"], kwargs["source_arn"], bucket, kwargs.get("s3_prefix", ""))
        task = self.export_tasks[identifier] = ExportTask(self, snapshot, kwargs, key.arn)
        self._run(task)
        return task

    def _exportable(self, arn: str) -> DBSnapshot:
        kind, _, name = arn.split(":", 5)[-1].partition(":")
        if kind != "snapshot":
            raise NotImplementedError(f"exporting {arn}, which is no DB snapshot")
        snapshot = self.database_snapshots.get(name)
        if snapshot is None:
            raise Refused("DBSnapshotNotFound", f"Could not find snapshot with name {name}")
        if snapshot.status != "available":
            raise Refused("InvalidExportSourceState", f"Snapshot {name} is {snapshot.status}.")
        return snapshot

    def _run(self, task: ExportTask) -> None:
        def begin() -> None:
            if task.status == "STARTING":
                task.status = "IN_PROGRESS"
                task.task_start_time = datetime.now(UTC)
                self.later(_EXPORT, finish)

        def finish() -> None:
            if task.status != "IN_PROGRESS":
                return
            try:
                self._write(task)
            except (ClientError, BotoCoreError) as error:
                task.failure_cause = str(error)
                task.end("FAILED")
            else:
                task.percent_progress = 100
                task.end("COMPLETE")

        self.later(_PREPARATION, begin)

    def _write(self, task: ExportTask) -> None:
        """Write the export's information file, and no data: a library for Parquet has 40 MB.

        Raises:
            botocore.exceptions.ClientError: the role may not write, or the bucket does not exist.
        """
        name = f"export_info_{task.export_task_identifier}.json"
        info = {
            "exportTaskIdentifier": task.export_task_identifier,
            "sourceArn": task.source_arn,
            "s3Bucket": task.s3_bucket,
            "s3Prefix": task.s3_prefix,
            "iamRoleArn": task.iam_role_arn,
            "kmsKeyId": task.kms_key_id,
            "status": "COMPLETE",
        }
        s3 = self.identity.client("s3", task.iam_role_arn, "RDSExport", _PRINCIPAL, task.source_arn)
        s3.put_object(
            Bucket=task.s3_bucket,
            Key=_key(task.s3_prefix, str(task.export_task_identifier), name),
            Body=json.dumps(info).encode(),
            ServerSideEncryption="aws:kms",
            SSEKMSKeyId=task.kms_key_id,
        )

    def cancel_export_task(self, export_task_identifier: str) -> ExportTask:
        """Cancel an export that still runs."""
        task = self.export_tasks.get(export_task_identifier)
        if task is None:
            raise Refused("ExportTaskNotFound", f"Export task {export_task_identifier} was not found.")
        assert isinstance(task, ExportTask)
        if task.status in _ENDED:
            raise Refused(
                "InvalidExportTaskStateFault", f"Export task {export_task_identifier} is {task.status}."
            )
        task.end("CANCELED")
        return task


def _check_role(role_arn: str, source_arn: str, bucket: str, prefix: str) -> None:
    try:
        iam_backends[ACCOUNT_ID]["aws"].get_role_by_arn(role_arn)
    except NotFoundException:
        raise Refused("IamRoleNotFound", f"The IAM role {role_arn} doesn't exist.") from None
    caller = service_caller(_PRINCIPAL, source_arn)
    try:
        check_assume_role(caller, role_arn)
    except AccessDenied:
        raise Refused(
            "IamRoleMissingPermissions", f"{_PRINCIPAL} may not assume the IAM role {role_arn}."
        ) from None
    arn = f"arn:aws:s3:::{bucket}"
    objects = f"{arn}/{_key(prefix, '*')}"
    for action, resource in [
        *((each, objects) for each in _ON_OBJECTS),
        *((each, arn) for each in _ON_BUCKET),
    ]:
        if not identity_allows(role_arn, action, resource, caller):
            raise Refused(
                "IamRoleMissingPermissions",
                f"The IAM role {role_arn} isn't authorized to call {action} on {resource}.",
            )


def _key(*parts: str) -> str:
    return "/".join(part.strip("/") for part in parts if part.strip("/"))
