"""Whether an account has the roles that a version of the product needs."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from engine.account import ROLES_VERSION_TAG, Account
from engine.errors import RolesOutdatedError
from engine.template import Template
from validate import roles

UNASKED: Any = None  # a client that must not be needed
LAUNCH_ROLE = "arn:aws:iam::123456789012:role/SCLaunch-TapStack"


def needing(**metadata: Any) -> Template:
    resources = {"Topic": {"Type": "AWS::SNS::Topic"}}
    return Template.parse({"Resources": resources, "Metadata": {"TapStack": metadata}})


@pytest.fixture
def account(aws: Any) -> Any:
    """An account whose launch role has some tags."""

    def build(**tags: str) -> Account:
        aws("iam").create_role(
            RoleName="SCLaunch-TapStack",
            AssumeRolePolicyDocument=json.dumps({"Statement": []}),
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        )
        return Account(UNASKED, UNASKED, UNASKED, UNASKED, UNASKED, UNASKED, aws("iam"))

    return build


def refusing(stubbed: Any, code: str) -> Account:
    iam, stub = stubbed("iam")
    stub.add_client_error("get_role", code)
    return Account(UNASKED, UNASKED, UNASKED, UNASKED, UNASKED, UNASKED, iam)


@pytest.mark.parametrize(("needed", "present"), [(1, "1"), (1, "2"), (10, "11")])
def test_a_version_is_launched_with_the_roles_that_it_needs_or_newer_ones(
    account: Any, needed: int, present: str
) -> None:
    roles.require(account(**{ROLES_VERSION_TAG: present}), needing(RolesVersion=needed), "1.4.0", LAUNCH_ROLE)


def test_a_version_that_says_nothing_is_launched_with_any_roles(account: Any) -> None:
    roles.require(account(), needing(), "1.4.0", LAUNCH_ROLE)


def test_older_roles_are_refused_with_both_versions_and_what_to_do(account: Any) -> None:
    present = account(**{ROLES_VERSION_TAG: "9"})
    with pytest.raises(RolesOutdatedError) as refused:
        roles.require(present, needing(RolesVersion=10), "1.4.0", LAUNCH_ROLE)
    assert str(refused.value) == (
        "Version 1.4.0 needs version 10 of the roles, and account 123456789012 has version 9. Nothing was "
        "created or changed. Ask the platform team to deploy stack LaunchRoles in account 123456789012, or "
        "CatalogStack if that is the account of the catalog, then try again."
    )


def test_roles_without_a_version_are_older_than_all_that_have_one(account: Any) -> None:
    with pytest.raises(RolesOutdatedError, match="has older roles that have no version"):
        roles.require(account(), needing(RolesVersion=1), "1.4.0", LAUNCH_ROLE)


def test_a_launch_role_that_may_not_look_is_older_than_all_that_have_a_version(stubbed: Any) -> None:
    with pytest.raises(RolesOutdatedError, match="has older roles that have no version"):
        roles.require(refusing(stubbed, "AccessDenied"), needing(RolesVersion=1), "1.4.0", LAUNCH_ROLE)


def test_roles_are_not_taken_for_old_ones_because_iam_does_not_answer(stubbed: Any) -> None:
    with pytest.raises(ClientError, match="ServiceFailure"):
        roles.require(refusing(stubbed, "ServiceFailure"), needing(RolesVersion=1), "1.4.0", LAUNCH_ROLE)
