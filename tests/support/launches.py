"""The unmodified `aws` command, and the product in a local cloud as its users launch it."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from local_cloud.cloud import Cloud
from local_cloud.service_catalog.launches import Record
from local_cloud.service_catalog.models import backend
from product_template.releasing.version import Version

# Where a version that is published by hand lies.
BY_HAND = "https://versions-by-hand.s3.us-east-1.amazonaws.com/version"


class AwsError(Exception):
    """The aws command refused; the message is what it printed."""


@dataclass(frozen=True)
class Aws:
    endpoint: str

    def __call__(self, *arguments: str) -> Any:
        environment = {
            "PATH": os.environ["PATH"],
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_PAGER": "",
        }
        command = [
            str(Path(sys.executable).parent / "aws"),
            "--endpoint-url",
            self.endpoint,
            *arguments,
            "--output",
            "json",
        ]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=60
        )
        if done.returncode:
            raise AwsError(done.stderr.strip())
        return json.loads(done.stdout) if done.stdout.strip() else {}


@dataclass(frozen=True)
class Catalog:
    """The ids that every operation of the product needs."""

    cloud: Cloud
    product_id: str
    version_id: str
    path_id: str

    def offering(self, version: Version) -> "Catalog":
        """The catalog with a version chosen, which can be launched even if a newer one deprecated it."""
        service_catalog = self.cloud.client("servicecatalog")
        versions = service_catalog.list_provisioning_artifacts(ProductId=self.product_id)
        [chosen] = [each for each in versions["ProvisioningArtifactDetails"] if each["Name"] == str(version)]
        service_catalog.update_provisioning_artifact(
            ProductId=self.product_id, ProvisioningArtifactId=chosen["Id"], Guidance="DEFAULT"
        )
        return replace(self, version_id=chosen["Id"])

    def provision(self, name: str, **parameters: str) -> dict[str, Any]:
        return self.ended(self.start_provision(name, **parameters))

    def start_provision(self, name: str, **parameters: str) -> dict[str, Any]:
        answer: dict[str, Any] = self.cloud.client("servicecatalog").provision_product(
            ProductId=self.product_id,
            ProvisioningArtifactId=self.version_id,
            PathId=self.path_id,
            ProvisionedProductName=name,
            ProvisioningParameters=[{"Key": key, "Value": value} for key, value in parameters.items()],
        )
        return answer

    def update(self, provisioned_product_id: str, **parameters: str | None) -> dict[str, Any]:
        """Update to the version on offer. A parameter that is None keeps its previous value."""
        return self.ended(self.start_update(provisioned_product_id, **parameters))

    def start_update(self, provisioned_product_id: str, **parameters: str | None) -> dict[str, Any]:
        answer: dict[str, Any] = self.cloud.client("servicecatalog").update_provisioned_product(
            ProvisionedProductId=provisioned_product_id,
            ProductId=self.product_id,
            ProvisioningArtifactId=self.version_id,
            PathId=self.path_id,
            ProvisioningParameters=[
                {"Key": key, "UsePreviousValue": True} if value is None else {"Key": key, "Value": value}
                for key, value in parameters.items()
            ],
        )
        return answer

    def terminate(self, provisioned_product_id: str) -> dict[str, Any]:
        return self.ended(self.start_terminate(provisioned_product_id))

    def start_terminate(self, provisioned_product_id: str) -> dict[str, Any]:
        service_catalog = self.cloud.client("servicecatalog")
        answer: dict[str, Any] = service_catalog.terminate_provisioned_product(
            ProvisionedProductId=provisioned_product_id
        )
        return answer

    def ended(self, answer: dict[str, Any], seconds: float = 60) -> dict[str, Any]:
        """Return the record of an operation once it is SUCCEEDED or FAILED.

        It does not poll the API, which would take this machine longer than the operation does.
        """
        record = backend().state.record(record_of(answer))
        deadline = time.monotonic() + seconds
        while not _has_ended(record):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{record.type} {record.id} is {record.status} after {seconds:.0f} s")
            time.sleep(0.02)
        service_catalog = self.cloud.client("servicecatalog")
        described: dict[str, Any] = service_catalog.describe_record(Id=record.id)
        return described

    def answers(self, record: dict[str, Any]) -> list[str]:
        """Return the status of every answer the engine gave for a record, refused ones too."""
        return [answer.status for answer in backend().state.record(record_of(record)).answers]

    def outcomes(self, record: dict[str, Any]) -> dict[str, int]:
        """Count the outcomes of the engine's answers: accepted, repeated or refused."""
        return dict(Counter(answer.outcome for answer in backend().state.record(record_of(record)).answers))

    def answered_once(self, record: dict[str, Any]) -> bool:
        """Whether one answer was accepted and all others were the same.

        Two sweeps at the same time, which happen with this clock, both answer an open operation.
        """
        outcomes = self.outcomes(record)
        return outcomes.pop("accepted") == 1 and outcomes.keys() <= {"repeated"}

    def status(self, provisioned_product_id: str) -> str:
        detail = self.cloud.client("servicecatalog").describe_provisioned_product(Id=provisioned_product_id)
        return str(detail["ProvisionedProductDetail"]["Status"])


def on_offer(cloud: Cloud, version: Version) -> Catalog:
    """The catalog of a cloud that has one product, with a version chosen."""
    service_catalog = cloud.client("servicecatalog")
    product_id = service_catalog.search_products()["ProductViewSummaries"][0]["ProductId"]
    path = service_catalog.list_launch_paths(ProductId=product_id)["LaunchPathSummaries"][0]
    return Catalog(cloud, product_id, "", path["Id"]).offering(version)


def _has_ended(record: Record) -> bool:
    with record.lock:  # an answer is noted after what it does to the record
        return record.status in ("SUCCEEDED", "FAILED")


def reason(record: dict[str, Any]) -> str:
    """What Service Catalog shows the user of a failed record."""
    return "\n".join(error["Description"] for error in record["RecordDetail"]["RecordErrors"])


def record_of(record: dict[str, Any]) -> str:
    return str(record["RecordDetail"]["RecordId"])


def product_of(record: dict[str, Any]) -> str:
    return str(record["RecordDetail"]["ProvisionedProductId"])


def outputs(record: dict[str, Any]) -> dict[str, str]:
    return {output["OutputKey"]: output["OutputValue"] for output in record["RecordOutputs"]}
