"""Which versions users may launch: a custom resource, because CloudFormation has no property for it.

https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/1356
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from aws_cdk import CustomResource, Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_servicecatalog as servicecatalog
from constructs import Construct

from product_template.acknowledgements import HIPAA, NIST, PCI, SERVERLESS, acknowledge
from product_template.releasing.version import Version

from .permissions.policy import allow, arn, managed_policy

CODE = Path(__file__).parent / "inline" / "version_guidance.py"


def guidance(versions: Iterable[Version], inactive: Collection[str]) -> dict[str, str]:
    """Return DEFAULT for the newest active version of each release line, and DEPRECATED for all others.

    Args:
        versions: all of the product, oldest first.
        inactive: those of them that are inactive.
    """
    versions = list(versions)
    newest = {version.major: version for version in versions if str(version) not in inactive}
    return {str(version): "DEFAULT" if version in newest.values() else "DEPRECATED" for version in versions}


class VersionGuidance(Construct):
    """Gives each version its guidance on every deployment that changes something about the versions.

    Args:
        scope: the construct it belongs to.
        construct_id: its id.
        product: the product whose versions are marked.
        guidance: DEFAULT or DEPRECATED, by version.
        inactive: the versions that are inactive, which users don't see.
        key: encrypts the log.
        log_retention: how long the log is kept.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        product: servicecatalog.CfnCloudFormationProduct,
        guidance: Mapping[str, str],
        inactive: Collection[str],
        key: kms.IKey,
        log_retention: logs.RetentionDays,
    ) -> None:
        super().__init__(scope, construct_id)
        log_group = logs.LogGroup(
            self,
            "Log",
            retention=log_retention,
            encryption_key=key,
            removal_policy=RemovalPolicy.DESTROY,
        )
        policy = managed_policy(
            self,
            "Policy",
            "All that the function behind the guidance of TapStack's versions may do",
            [
                allow(
                    "servicecatalog",
                    "ListProvisioningArtifacts UpdateProvisioningArtifact",
                    on=arn("catalog", f"product/{product.ref}"),
                ),
                allow("logs", "CreateLogStream PutLogEvents", on=log_group.log_group_arn),
            ],
        )
        role = iam.Role(
            self,
            "Role",
            # No condition, as for the product's functions: product_template/custom_resources.py says why.
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            managed_policies=[policy],
        )
        function = lambda_.Function(
            self,
            "Function",
            description="Deprecates and hides versions of TapStack",
            code=lambda_.Code.from_inline(CODE.read_text()),
            handler="index.mark_versions",
            runtime=lambda_.Runtime.PYTHON_3_14,
            architecture=lambda_.Architecture.ARM_64,
            memory_size=256,
            timeout=Duration.minutes(5),
            role=role.without_policy_updates(),
            log_group=log_group,
        )
        self._acknowledge(function)
        CustomResource(
            self,
            "Default",
            service_token=function.function_arn,
            resource_type="Custom::VersionGuidance",
            service_timeout=Duration.minutes(10),
            properties={
                "ProductId": product.ref,
                # When Service Catalog replaces a version, the new one has another id and must be marked.
                "ProvisioningArtifactIds": product.attr_provisioning_artifact_ids,
                "Versions": [
                    {"Name": name, "Guidance": value, "Active": str(name not in inactive).lower()}
                    for name, value in guidance.items()
                ],
            },
        )

    @staticmethod
    def _acknowledge(function: lambda_.Function) -> None:
        acknowledge(
            function,
            "LambdaInsideVPC",
            PCI,
            NIST,
            HIPAA,
            because="R22: in a VPC its network interfaces would outlive it by up to 40 minutes. It calls "
            "Service Catalog and CloudFormation over TLS and nothing inside a VPC.",
        )
        acknowledge(
            function,
            "LambdaDLQ",
            NIST,
            HIPAA,
            SERVERLESS,
            because="R22: CloudFormation waits for the answer and fails the deployment without one, so no "
            "event gets lost unnoticed.",
        )
        acknowledge(
            function,
            "LambdaConcurrency",
            NIST,
            HIPAA,
            because="R3: the catalog deploys into any account, and one with the initial quota of 10 "
            "concurrent executions refuses to reserve any. CloudFormation alone calls it, once a deployment.",
        )
        acknowledge(
            function,
            "LambdaTracing",
            SERVERLESS,
            because="R20: tracing needs permissions on all resources. The function runs when the catalog is "
            "deployed, and its log says what it did.",
        )
