"""The function ServiceCatalogExternalParameterParser: a user waits for the launch form while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools.utilities.typing import LambdaContext
from engine.entry_point import CLIENT_CONFIG, entry_point
from engine.launch_role import assume, sts

from parse_parameters.parameters import parse

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@entry_point
def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Return the parameters of the artifact in the request."""

    def s3_as(role_arn: str | None) -> S3Client:
        session = assume(sts(), role_arn, context.aws_request_id) if role_arn else boto3.Session()
        return session.client("s3", config=CLIENT_CONFIG)

    return parse(event, s3_as)
