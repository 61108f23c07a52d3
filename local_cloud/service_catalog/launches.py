"""Provisioned products, and the records of the operations on them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Any, Literal

from .resources import EXTERNAL, new_id, now, tag_list

RecordType = Literal["PROVISION_PRODUCT", "UPDATE_PROVISIONED_PRODUCT", "TERMINATE_PROVISIONED_PRODUCT"]
Outcome = Literal["accepted", "repeated", "refused"]


@dataclass
class ProvisionedProduct:
    """A provisioned product, from its launch until its termination."""

    arn: str
    id: str
    name: str
    product_id: str
    artifact_id: str
    path_id: str
    launch_role_arn: str
    tags: dict[str, str]
    principal: str  # the unique id of the user who launched it, for messages to the engine
    user_arn: str
    session_arn: str
    token: str
    last_record_id: str = ""
    last_provisioning_record_id: str = ""
    last_successful_provisioning_record_id: str | None = None
    status: str = "UNDER_CHANGE"
    status_message: str | None = None
    created: datetime = field(default_factory=now)

    def detail(self) -> dict[str, Any]:
        """Return the API's ProvisionedProductDetail."""
        return {
            "Name": self.name,
            "Arn": self.arn,
            "Type": EXTERNAL,
            "Id": self.id,
            "Status": self.status,
            "StatusMessage": self.status_message,
            "CreatedTime": self.created,
            "IdempotencyToken": self.token,
            "LastRecordId": self.last_record_id,
            "LastProvisioningRecordId": self.last_provisioning_record_id,
            "LastSuccessfulProvisioningRecordId": self.last_successful_provisioning_record_id,
            "ProductId": self.product_id,
            "ProvisioningArtifactId": self.artifact_id,
            "LaunchRoleArn": self.launch_role_arn,
        }


@dataclass(frozen=True)
class Answer:
    """A Notify… call for an existing record, and its outcome."""

    arguments: dict[str, Any] = field(repr=False)  # holds the workflow token
    status: str
    idempotency_token: str
    outcome: Outcome


@dataclass
class Record:
    """The record of an operation on a provisioned product, with the engine's answers."""

    type: RecordType
    provisioned_product: ProvisionedProduct
    product_id: str
    artifact_id: str
    parameters: dict[str, str | None]  # None for UsePreviousValue
    user_arn: str
    session_arn: str
    workflow_token: str = field(repr=False)  # whoever knows it can end the operation
    id: str = field(default_factory=lambda: new_id("rec"))
    status: str = "CREATED"
    errors: list[dict[str, str]] = field(default_factory=list)
    outputs: list[dict[str, str]] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    created: datetime = field(default_factory=now)
    updated: datetime = field(default_factory=now)
    lock: Lock = field(default_factory=Lock, repr=False)  # held while an answer is taken

    def set_status(self, status: str) -> None:
        """Set the status that DescribeRecord shows."""
        self.status = status
        self.updated = now()

    def detail(self) -> dict[str, Any]:
        """Return the API's RecordDetail."""
        product = self.provisioned_product
        return {
            "RecordId": self.id,
            "ProvisionedProductName": product.name,
            "Status": self.status,
            "CreatedTime": self.created,
            "UpdatedTime": self.updated,
            "ProvisionedProductType": EXTERNAL,
            "RecordType": self.type,
            "ProvisionedProductId": product.id,
            "ProductId": self.product_id,
            "ProvisioningArtifactId": self.artifact_id,
            "PathId": product.path_id,
            "RecordErrors": list(self.errors),
            "RecordTags": tag_list(product.tags),
            "LaunchRoleArn": product.launch_role_arn,
        }
