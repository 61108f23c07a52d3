"""AWS::ServiceCatalog."""
# The methods are described by Provider.
# ruff: noqa: D102

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..api_object import Api
from ..arguments import arguments
from ..provider import Call, Properties, Provider, Tagging

_GONE = ("ResourceNotFoundException",)
_TAGS = Tagging(system=False)  # Service Catalog refuses tags whose key starts with aws:


@dataclass(frozen=True, kw_only=True)
class TaggedByUpdate(Api):
    """Portfolios and products: the update call changes their tags, with AddTags and RemoveTags."""

    def update(self, call: Call, physical_id: str, old: Properties, new: Properties) -> str:
        client, method = call.client(self.service), self.update_call
        handled = (*self.own, *self.updated_after)
        sent = self._sent({key: value for key, value in new.items() if old.get(key) != value}, handled)
        parameters = self._arguments(client, str(method), sent)
        before, now = old.get("Tags", {}), new.get("Tags", {})
        if added := [{"Key": key, "Value": value} for key, value in now.items() if before.get(key) != value]:
            parameters["AddTags"] = added
        if removed := [key for key in before if key not in now]:
            parameters["RemoveTags"] = removed
        if parameters:
            getattr(client, str(method))(Id=physical_id, **parameters)
        if self.after:
            self.after(call, physical_id, old, new)
        return physical_id


@dataclass(frozen=True, kw_only=True)
class Product(TaggedByUpdate):
    """AWS::ServiceCatalog::CloudFormationProduct.

    An update keeps the id of a version whose name and template URL stay the same (user guide,
    ReplaceProvisioningArtifacts).
    """

    def create(self, call: Call, properties: Properties) -> str:
        first, *others = properties["ProvisioningArtifactParameters"]
        product_id = super().create(call, properties | {"ProvisioningArtifactParameters": first})
        for artifact in others:
            _create_version(call, product_id, artifact)
        return product_id

    def attribute(self, call: Call, physical_id: str, name: str, properties: Properties) -> Any:
        details = _versions(call, physical_id)
        if name == "ProvisioningArtifactIds":
            return ",".join(detail["Id"] for detail in details)
        if name == "ProvisioningArtifactNames":
            return ",".join(detail["Name"] for detail in details)
        return super().attribute(call, physical_id, name, properties)


def _versions(call: Call, product_id: str) -> list[dict[str, Any]]:
    answer = call.client("servicecatalog").list_provisioning_artifacts(ProductId=product_id)
    details: list[dict[str, Any]] = answer["ProvisioningArtifactDetails"]
    return details


def _identity(artifact: Properties) -> str:
    return json.dumps([artifact.get("Name"), artifact["Info"]])


def _create_version(call: Call, product_id: str, artifact: Properties) -> None:
    client = call.client("servicecatalog")
    parameters = arguments(client, "create_provisioning_artifact", {"Parameters": artifact}, {})
    client.create_provisioning_artifact(ProductId=product_id, **parameters)


def _update_versions(call: Call, product_id: str, old: Properties, new: Properties) -> None:
    if not old:
        return
    client = call.client("servicecatalog")
    before = {_identity(artifact): artifact for artifact in old["ProvisioningArtifactParameters"]}
    wanted = {_identity(artifact): artifact for artifact in new["ProvisioningArtifactParameters"]}
    existing = _versions(call, product_id)
    for identity, artifact in wanted.items():
        if identity not in before or new.get("ReplaceProvisioningArtifacts", False):
            _create_version(call, product_id, artifact)
    for detail in existing:
        artifact = next((item for item in before.values() if item.get("Name") == detail["Name"]), None)
        if artifact is None:
            continue
        identity, names = (
            _identity(artifact),
            {"ProductId": product_id, "ProvisioningArtifactId": detail["Id"]},
        )
        if identity not in wanted or new.get("ReplaceProvisioningArtifacts", False):
            client.delete_provisioning_artifact(**names)
        elif wanted[identity].get("Description") != artifact.get("Description"):
            client.update_provisioning_artifact(**names, Description=wanted[identity].get("Description", ""))


def _launch_constraint(properties: Properties) -> Properties:
    """Turn RoleArn or LocalRoleName into the constraint's JSON parameters."""
    role = {key: properties[key] for key in ("RoleArn", "LocalRoleName") if key in properties}
    rest = {key: value for key, value in properties.items() if key not in role}
    return rest | ({"Parameters": json.dumps(role)} if role else {})


TYPES: Mapping[str, Provider] = {
    "AWS::ServiceCatalog::Portfolio": TaggedByUpdate(
        service="servicecatalog", create_call="create_portfolio", update_call="update_portfolio",
        id="PortfolioDetail.Id",
        key=("Id",), delete_call="delete_portfolio", gone=_GONE, tagging=_TAGS,
        attributes={"PortfolioName": "{DisplayName}", "Id": "{id}"},
    ),
    "AWS::ServiceCatalog::CloudFormationProduct": Product(
        service="servicecatalog", create_call="create_product", update_call="update_product",
        id="ProductViewDetail.ProductViewSummary.ProductId", key=("Id",),
        own=("ReplaceProvisioningArtifacts",),
        updated_after=("ProvisioningArtifactParameters",), after=_update_versions,
        delete_call="delete_product", gone=_GONE, tagging=_TAGS,
        attributes={"ProductName": "{Name}", "Id": "{id}", "ProvisioningArtifactIds": "",
        "ProvisioningArtifactNames": ""},
    ),
    "AWS::ServiceCatalog::PortfolioProductAssociation": Api(
        service="servicecatalog", create_call="associate_product_with_portfolio",
        id="{PortfolioId}|{ProductId}",
        key=("PortfolioId", "ProductId"), delete_call="disassociate_product_from_portfolio", gone=_GONE,
    ),
    "AWS::ServiceCatalog::PortfolioPrincipalAssociation": Api(
        service="servicecatalog", create_call="associate_principal_with_portfolio",
        id="{PortfolioId}|{PrincipalARN}",
        key={"PortfolioId": "{PortfolioId}", "PrincipalARN": "{PrincipalARN}"},
        delete_call="disassociate_principal_from_portfolio", gone=_GONE,
    ),
    "AWS::ServiceCatalog::LaunchRoleConstraint": Api(
        service="servicecatalog", create_call="create_constraint", update_call="update_constraint",
        id="ConstraintDetail.ConstraintId", key=("Id",), reshape=_launch_constraint, extra={"Type": "LAUNCH"},
        delete_call="delete_constraint", gone=_GONE, attributes={"Id": "{id}"},
    ),
    "AWS::ServiceCatalog::TagOption": Api(
        service="servicecatalog", create_call="create_tag_option", update_call="update_tag_option",
        id="TagOptionDetail.Id",
        key=("Id",), own=(), delete_call="delete_tag_option", gone=_GONE, attributes={"Id": "{id}"},
    ),
    "AWS::ServiceCatalog::TagOptionAssociation": Api(
        service="servicecatalog", create_call="associate_tag_option_with_resource",
        id="{TagOptionId}|{ResourceId}",
        key=("TagOptionId", "ResourceId"), delete_call="disassociate_tag_option_from_resource", gone=_GONE,
    ),
}  # fmt: skip
