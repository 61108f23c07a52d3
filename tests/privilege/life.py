"""The lives of a product in a local cloud, and the requests that each role made in them."""

import json
import shlex
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from local_cloud.cloud import Cloud
from local_cloud.cloudformation.assembly import deploy
from local_cloud.rds.models import backend
from product_template.releasing.version import Version
from tests.support.machinery import eventually
from tests.support.versions import NEWEST, OLDEST

ENGINE = "CatalogStack-"
PRODUCT = "role/tapstack/"
NEWEST_OF_LINE_1, NEWEST_OF_LINE_2 = NEWEST[1], NEWEST[2]
OURS = (ENGINE, PRODUCT, "role/SCLaunch-TapStack", "role/TapStackExecution", "role/tapstack-engine/")


class Request(NamedTuple):
    """One kind of request that a role made."""

    role: str
    action: str
    resource: str
    context: tuple[tuple[str, str], ...]


Policies = dict[str, list[dict[str, Any]]]
Keys = dict[str, dict[str, Any]]


@dataclass
class Lives:
    """A cloud with the catalog, what roles asked there in each phase, and their policies.

    Attributes:
        cloud: the cloud.
        asked: phase -> requests that came up in it for the first time, with the local cloud's verdict.
        policies: role -> its policy documents, also of roles that are gone by now.
        keys: key -> its policy.
        boundaries: role -> the document of its permissions boundary, for roles that have one.
    """

    cloud: Cloud
    asked: dict[str, dict[Request, bool]] = field(default_factory=dict)
    policies: Policies = field(default_factory=dict)
    keys: Keys = field(default_factory=dict)
    boundaries: Policies = field(default_factory=dict)
    _known: set[Any] = field(default_factory=set)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Note under `name` the requests that were new since the last phase, those of schedules included."""
        yield
        asked = dict(self.cloud.identity.asked)
        new = {Request(*key): verdict for key, verdict in asked.items() if key not in self._known}
        self._known |= asked.keys()
        self.asked[name] = {
            one: verdict for one, verdict in new.items() if any(part in one.role for part in OURS)
        }
        self.policies |= policies_of(self.cloud)
        self.keys |= keys_of(self.cloud)
        self.boundaries |= boundaries_of(self.cloud)

    @property
    def requests(self) -> dict[Request, bool]:
        return {one: verdict for asked in self.asked.values() for one, verdict in asked.items()}

    def offer_again(self, version: Version) -> None:
        """Let a version be launched that a newer one has deprecated."""
        product, versions, _ = self._offer()
        self.cloud.client("servicecatalog").update_provisioning_artifact(
            ProductId=product, ProvisioningArtifactId=versions[str(version)], Guidance="DEFAULT"
        )

    def provision(self, name: str, version: Version = NEWEST_OF_LINE_1, **parameters: str) -> dict[str, Any]:
        return self._ended(self._launch(name, version, parameters))

    def _launch(self, name: str, version: Version, parameters: dict[str, str]) -> dict[str, Any]:
        product, versions, path = self._offer()
        return dict(
            self.cloud.client("servicecatalog").provision_product(
                ProductId=product,
                ProvisioningArtifactId=versions[str(version)],
                PathId=path,
                ProvisionedProductName=name,
                ProvisioningParameters=[{"Key": key, "Value": value} for key, value in parameters.items()],
                Tags=[{"Key": "team", "Value": "payments"}],
            )
        )

    def update(
        self, product_id: str, version: Version = NEWEST_OF_LINE_1, **parameters: str
    ) -> dict[str, Any]:
        """Update to a version. Parameters that are not given keep their values."""
        product, versions, path = self._offer()
        kept = [
            {"Key": key, "UsePreviousValue": True}
            for key in ("EnvironmentSuffix", "OpsEmails")
            if key not in parameters
        ]
        return self._ended(
            self.cloud.client("servicecatalog").update_provisioned_product(
                ProvisionedProductId=product_id,
                ProductId=product,
                ProvisioningArtifactId=versions[str(version)],
                PathId=path,
                ProvisioningParameters=[
                    *kept, *({"Key": key, "Value": value} for key, value in parameters.items())
                ],
            )
        )  # fmt: skip

    def form(self) -> dict[str, Any]:
        """The parameters in the launch form."""
        product, versions, path = self._offer()
        return dict(
            self.cloud.client("servicecatalog").describe_provisioning_parameters(
                ProductId=product, ProvisioningArtifactId=versions[str(NEWEST_OF_LINE_1)], PathId=path
            )
        )

    def confirm_mail(self) -> None:
        """Follow the links in the mails about existing topics: `aws sns confirm-subscription …`."""
        sns = self.cloud.client("sns")
        present = {topic["TopicArn"] for topic in sns.list_topics()["Topics"]}
        for mail in (one for one in self.cloud.mailbox.all() if one.todo):
            given = dict(pairwise(shlex.split(mail.todo)))
            if given["--topic-arn"] in present:
                sns.confirm_subscription(TopicArn=given["--topic-arn"], Token=given["--token"])

    def export(self, suffix: str) -> str:
        """Let the backup window of a database pass. Return the status that the snapshot's export ended in."""
        states = self.cloud.client("stepfunctions")
        [workflow] = [
            machine["stateMachineArn"]
            for machine in states.list_state_machines()["stateMachines"]
            if machine["name"] == f"export-workflow-{suffix}"
        ]
        backend().take_automated_snapshot(f"database-{suffix}")
        ended: list[str] = []

        def has_ended() -> bool:
            executions = states.list_executions(stateMachineArn=workflow)["executions"]
            ended.extend(each["status"] for each in executions if each["status"] != "RUNNING")
            return bool(ended)

        eventually(has_ended, f"the export of {suffix}")
        return ended[0]

    def terminate(self, product_id: str) -> dict[str, Any]:
        return self._ended(
            self.cloud.client("servicecatalog").terminate_provisioned_product(ProvisionedProductId=product_id)
        )

    def _offer(self) -> tuple[str, dict[str, str], str]:
        service_catalog = self.cloud.client("servicecatalog")
        product = service_catalog.search_products()["ProductViewSummaries"][0]["ProductId"]
        versions = service_catalog.describe_product(Id=product)["ProvisioningArtifacts"]
        path = service_catalog.list_launch_paths(ProductId=product)["LaunchPathSummaries"][0]["Id"]
        return product, {version["Name"]: version["Id"] for version in versions}, path

    def _ended(self, answer: dict[str, Any], seconds: float = 300) -> dict[str, Any]:
        service_catalog = self.cloud.client("servicecatalog")
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            detail: dict[str, Any] = service_catalog.describe_record(Id=answer["RecordDetail"]["RecordId"])
            if detail["RecordDetail"]["Status"] in ("SUCCEEDED", "FAILED"):
                return dict(detail["RecordDetail"])
            time.sleep(0.05)
        raise TimeoutError(f"not ended within {seconds:.0f} s: {answer}")


def reason(record: dict[str, Any]) -> str:
    """What Service Catalog shows the user of a failed operation; empty after success."""
    return "\n".join(error["Description"] for error in record.get("RecordErrors", []))


@contextmanager
def lives(assembly: Path) -> Iterator[Lives]:
    """Deploy the catalog into a cloud whose clock makes hours of fractions of a second."""
    with Cloud(speed=20_000) as cloud:
        found = Lives(cloud)
        with found.phase("deploy"):
            deploy(cloud, assembly, "CatalogStack")
        for version in (OLDEST, NEWEST_OF_LINE_1):
            found.offer_again(version)
        yield found


def policies_of(cloud: Cloud) -> Policies:
    """The policy documents of our roles, as the synthesized template made them."""
    iam = cloud.client("iam")
    roles = iam.get_paginator("list_roles").paginate()
    found: Policies = {}
    for role in (role for page in roles for role in page["Roles"]):
        if any(part in role["Arn"] for part in OURS):
            name = role["RoleName"]
            inline = iam.list_role_policies(RoleName=name)["PolicyNames"]
            attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
            found[role["Arn"]] = [
                *(iam.get_role_policy(RoleName=name, PolicyName=each)["PolicyDocument"] for each in inline),
                *(_default_version(iam, each["PolicyArn"]) for each in attached),
            ]
    return found


def keys_of(cloud: Cloud) -> Keys:
    """The policies of the account's keys."""
    kms = cloud.client("kms")
    return {
        key["KeyArn"]: json.loads(kms.get_key_policy(KeyId=key["KeyId"], PolicyName="default")["Policy"])
        for key in kms.list_keys()["Keys"]
    }


def boundaries_of(cloud: Cloud) -> Policies:
    """The boundaries of our roles, as the synthesized template made them."""
    iam = cloud.client("iam")
    pages = iam.get_paginator("list_roles").paginate()
    # ListRoles returns no boundaries.
    roles = [iam.get_role(RoleName=role["RoleName"])["Role"] for page in pages for role in page["Roles"]]
    return {
        role["Arn"]: [_default_version(iam, role["PermissionsBoundary"]["PermissionsBoundaryArn"])]
        for role in roles
        if "PermissionsBoundary" in role
    }


def _default_version(iam: Any, arn: str) -> dict[str, Any]:
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    document = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
    return dict(json.loads(document) if isinstance(document, str) else document)


def actions_of(documents: list[dict[str, Any]]) -> set[str]:
    """All actions in policy documents."""
    return {
        action
        for document in documents
        for statement in document["Statement"]
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    }


def actions_seen(requests: Iterable[Request]) -> dict[str, set[str]]:
    """The actions of each role's requests."""
    seen: dict[str, set[str]] = {}
    for one in requests:
        seen.setdefault(one.role, set()).add(one.action)
    return seen


@contextmanager
def without(cloud: Cloud, role_name: str, action: str) -> Iterator[None]:
    """Take an action away from a role's managed policies for a while."""
    iam = cloud.client("iam")
    changed = []
    for attached in iam.list_attached_role_policies(RoleName=role_name)["AttachedPolicies"]:
        arn = attached["PolicyArn"]
        document = _default_version(iam, arn)
        left = [_less(statement, action) for statement in document["Statement"]]
        if left != document["Statement"]:
            before = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
            made = iam.create_policy_version(
                PolicyArn=arn,
                PolicyDocument=json.dumps(document | {"Statement": [one for one in left if one["Action"]]}),
                SetAsDefault=True,
            )
            changed.append((arn, before, made["PolicyVersion"]["VersionId"]))
    assert changed, f"{role_name} is not allowed {action}"
    try:
        yield
    finally:
        for arn, before, made_id in changed:
            iam.set_default_policy_version(PolicyArn=arn, VersionId=before)
            iam.delete_policy_version(PolicyArn=arn, VersionId=made_id)


def _less(statement: dict[str, Any], action: str) -> dict[str, Any]:
    actions = statement["Action"]
    return statement | {
        "Action": [one for one in ([actions] if isinstance(actions, str) else actions) if one != action]
    }
