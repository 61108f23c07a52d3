"""A product on offer whose engine is the test itself."""

import io
import json
import threading
import uuid
import zipfile
from dataclasses import dataclass
from typing import Any

from local_cloud.cloud import Cloud

SERVICE = "servicecatalog.amazonaws.com"


LAUNCH_ROLE = "arn:aws:iam::123456789012:role/SCLaunch-Demo"


TEMPLATE_URL = "https://s3.us-east-1.amazonaws.com/templates/demo.json"


TEMPLATE = b'{"Parameters": {"Env": {"Type": "String"}}}'


QUEUES = ("Provision", "Update", "Terminate")


PARSER = """
import json

class ParserInvalidParameterException(Exception):
    pass

def handle(event, context):
    answer = json.loads(ANSWER)
    if answer == "fail":
        raise ParserInvalidParameterException("the artifact is no template")
    if answer == "echo":
        field = {"type": "String", "description": json.dumps(event), "isNoEcho": False, "defaultValue": ""}
        return {"parameters": [{"key": "Event"} | field]}
    return answer
"""


def document(**statement: Any) -> str:
    """A policy document that allows, unless `Effect` says otherwise."""
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow"} | statement]})


TRUST = document(Principal={"Service": SERVICE}, Action="sts:AssumeRole")


# The group and its tags, and the service whose resources the tests tag.
GATHER = document(Action=["resource-groups:*", "tag:*", "sns:TagResource"], Resource="*")


@dataclass(frozen=True)
class Engine:
    """The three queues of the engine, and its answers."""

    cloud: Cloud
    urls: dict[str, str]

    def receive(self, queue: str) -> Any:
        """Take a message off a queue, once everything is sent that was started; None when there is none."""
        for thread in threading.enumerate():
            if thread.name.startswith("service-catalog-"):
                thread.join()
        sqs = self.cloud.client("sqs")
        found = sqs.receive_message(QueueUrl=self.urls[queue]).get("Messages", [])
        if not found:
            return None
        sqs.delete_message(QueueUrl=self.urls[queue], ReceiptHandle=found[0]["ReceiptHandle"])
        return json.loads(found[0]["Body"])

    def answer(self, operation: str, message: dict[str, Any], status: str = "SUCCEEDED", **more: Any) -> None:
        arguments = {
            "WorkflowToken": message["token"],
            "RecordId": message["recordId"],
            "Status": status,
        } | more
        notify = getattr(self.cloud.client("servicecatalog"), f"notify_{operation}_engine_workflow_result")
        notify(**arguments)

    def provisioned(self, message: dict[str, Any], status: str = "SUCCEEDED", **more: Any) -> None:
        tag = {"UniqueTag": {"Key": "demo:id", "Value": message["provisionedProductId"]}}
        self.answer("provision_product", message, status, ResourceIdentifier=tag, **more)

    def updated(self, message: dict[str, Any], status: str = "SUCCEEDED", **more: Any) -> None:
        self.answer("update_provisioned_product", message, status, **more)

    def terminated(self, message: dict[str, Any], status: str = "SUCCEEDED", **more: Any) -> None:
        self.answer("terminate_provisioned_product", message, status, **more)


@dataclass(frozen=True)
class Shop:
    """A product in a portfolio that the caller may launch from."""

    cloud: Cloud
    engine: Engine
    portfolio_id: str
    product_id: str
    artifact_id: str

    @property
    def client(self) -> Any:
        return self.cloud.client("servicecatalog")

    def offer(self, product_type: str = "EXTERNAL", **artifact: Any) -> dict[str, Any]:
        """Create another product, in no portfolio."""
        properties = {
            "Name": "1.0.0",
            "Type": product_type,
            "DisableTemplateValidation": True,
            "Info": {"LoadTemplateFromURL": TEMPLATE_URL},
        }
        answer: dict[str, Any] = self.client.create_product(
            Name=f"Product {uuid.uuid4()}",
            Owner="Team",
            ProductType=product_type,
            ProvisioningArtifactParameters=properties | artifact,
        )
        return answer

    def add_version(self, name: str) -> str:
        answer = self.client.create_provisioning_artifact(
            ProductId=self.product_id,
            Parameters={
                "Name": name,
                "Type": "EXTERNAL",
                "DisableTemplateValidation": True,
                "Info": {"LoadTemplateFromURL": TEMPLATE_URL},
            },
        )
        return str(answer["ProvisioningArtifactDetail"]["Id"])

    def launch(self, **more: Any) -> dict[str, Any]:
        """Provision, under a new name unless one is given; returns the RecordDetail."""
        arguments = {
            "ProductId": self.product_id,
            "ProvisioningArtifactId": self.artifact_id,
            "ProvisionedProductName": f"demo-{uuid.uuid4()}",
        }
        detail: dict[str, Any] = self.client.provision_product(**arguments | more)["RecordDetail"]
        return detail

    def launched(self, **more: Any) -> tuple[str, dict[str, Any]]:
        """Provision until the engine has the message; returns the id and the message."""
        product_id = str(self.launch(**more)["ProvisionedProductId"])
        return product_id, self.engine.receive("Provision")

    def available(self, **more: Any) -> str:
        """Provision successfully; returns the provisioned product's id."""
        product_id, message = self.launched(**more)
        self.engine.provisioned(message)
        return product_id

    def record(self, record_id: str) -> Any:
        return self.client.describe_record(Id=record_id)["RecordDetail"]

    def status(self, provisioned_product_id: str) -> str:
        detail = self.client.describe_provisioned_product(Id=provisioned_product_id)
        return str(detail["ProvisionedProductDetail"]["Status"])


def _packed(answer: Any) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as code:
        code.writestr("parser.py", f"ANSWER = {json.dumps(answer)!r}\n{PARSER}")
    return archive.getvalue()
