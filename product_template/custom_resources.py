"""The functions behind custom resources. The template holds their code, because a version has no assets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from product_template.acknowledgements import HIPAA, NIST, PCI, SERVERLESS, acknowledge
from product_template.encryption import Encryption
from product_template.naming import Naming
from product_template.roles import service_role

CODE = Path(__file__).parent / "inline" / "custom_resources.py"


class CustomResourceFunction(Construct):
    """One handler of inline/custom_resources.py, with its own log group and role.

    Attributes:
        arn: the service token of its custom resources.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        naming: Naming,
        encryption: Encryption,
        handler: str,
        description: str,
        statements: Sequence[iam.PolicyStatement],
        wildcards: Mapping[str, str],
    ) -> None:
        super().__init__(scope, construct_id)
        kind = handler.replace("_", "-")
        name = naming.of(f"{kind}-function")
        log_group = encryption.log_group(self, "Log", f"/aws/lambda/{name}")
        role = service_role(
            self,
            "Role",
            naming=naming,
            kind=kind,
            # No condition on aws:SourceAccount: AWS does not document that Lambda sends it when it assumes a
            # function's role, and if Lambda does not, the condition stops every launch. A role cannot be
            # passed across accounts ("Grant a user permissions to pass a role", IAM User Guide).
            service="lambda.amazonaws.com",
            statements=[
                # Not CreateLogGroup: a line written after the group's deletion would create it again.
                iam.PolicyStatement(
                    actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[log_group.log_group_arn]
                ),
                *statements,
            ],
            wildcards=wildcards,
        )
        function = lambda_.Function(
            self,
            "Default",
            function_name=name,
            description=description,
            code=lambda_.Code.from_inline(CODE.read_text()),
            handler=f"index.{handler}",
            runtime=lambda_.Runtime.PYTHON_3_14,
            architecture=lambda_.Architecture.ARM_64,
            memory_size=256,
            timeout=cdk.Duration.minutes(15),
            role=role,
            log_group=log_group,
        )
        self._acknowledge(function)
        self.arn = function.function_arn

    @staticmethod
    def _acknowledge(function: lambda_.Function) -> None:
        acknowledge(
            function,
            "LambdaInsideVPC",
            PCI,
            NIST,
            HIPAA,
            because="R22: the network interfaces of a function in the VPC take up to 40 minutes to go and "
            "delay the VPC's deletion. It calls AWS APIs and CloudFormation over TLS and nothing inside the "
            "VPC.",
        )
        acknowledge(
            function,
            "LambdaDLQ",
            NIST,
            HIPAA,
            SERVERLESS,
            because="R22: CloudFormation waits for the answer and fails the operation without one, so no "
            "event gets lost unnoticed; a queue would be one thing more to leave behind.",
        )
        acknowledge(
            function,
            "LambdaConcurrency",
            NIST,
            HIPAA,
            because="R5: a product launches in any account, and one with the initial quota of 10 concurrent "
            "executions refuses to reserve any. CloudFormation alone calls it, a few times in the stack's "
            "life.",
        )
        acknowledge(
            function,
            "LambdaTracing",
            SERVERLESS,
            because="R20: tracing needs permissions on all resources. The function runs when the stack is "
            "created and deleted, and its log says what it did.",
        )
