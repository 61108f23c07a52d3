"""The app: which stacks it has, and that it needs no AWS account to synthesize them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aws_cdk.cx_api import CloudAssembly

from app import build
from catalog_stack.settings import SettingsError
from local_cloud.demo.kept import UNREAD
from product_template.releasing import released_versions

ROOT = Path(__file__).parents[3]


def synthesized(directory: Path, **context: Any) -> CloudAssembly:
    """The app's stacks with the feature flags of cdk.json, without bundling the functions' code."""
    flags = json.loads((ROOT / "cdk.json").read_text())["context"]
    return build(context=flags | {"aws:cdk:bundling-stacks": []} | context, outdir=str(directory)).synth()


@pytest.fixture(scope="module")
def files_read() -> set[Path]:
    """The files of the project that synthesizing `with_other_accounts` opened."""
    return set()


@pytest.fixture(scope="module")
def with_other_accounts(tmp_path_factory: pytest.TempPathFactory, files_read: set[Path]) -> CloudAssembly:
    """The app with a hub account, another provisioning account and tags."""
    settings = {
        "catalog:hubAccount": "111122223333",
        "catalog:provisioningAccounts": ["444455556666"],
        "catalog:tags": {"team": "databases"},
    }
    with opened(files_read):
        return synthesized(tmp_path_factory.mktemp("other-accounts"), **settings)


@contextmanager
def opened(files: set[Path]) -> Iterator[None]:
    """Add every file of the project that Python opens meanwhile."""
    watching = True

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if watching and event == "open" and str(arguments[0]).startswith(str(ROOT)):
            files.add(Path(str(arguments[0])).relative_to(ROOT))

    sys.addaudithook(watch)  # it stays until the process ends
    yield
    watching = False


def names(assembly: CloudAssembly) -> set[str]:
    return {stack.stack_name for stack in assembly.stacks}


def test_the_command_line_lists_the_catalog_without_credentials_and_without_a_warning() -> None:
    bin_directory = Path(sys.executable).parent
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | {
        "PATH": f"{bin_directory}:{os.environ['PATH']}",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_CONFIG_FILE": os.devnull,
        "CDK_DISABLE_VERSION_CHECK": "true",
        "CDK_DISABLE_CLI_TELEMETRY": "true",
    }
    command = [str(bin_directory / "cdk"), "ls"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "CatalogStack\n", "")


def warnings(assembly: Path) -> list[str]:
    metadata = json.loads((assembly / "CatalogStack.metadata.json").read_text())
    entries = [entry for entries in metadata.values() for entry in entries]
    return [entry["data"] for entry in entries if entry["type"] in ("aws:cdk:warning", "aws:cdk:error")]


def test_a_stack_warns_of_nothing(assembly: Path) -> None:
    assert warnings(assembly) == []


def test_a_catalog_that_nobody_may_use_says_so(with_other_accounts: CloudAssembly) -> None:
    [warning] = warnings(Path(with_other_accounts.directory))
    assert warning.startswith(
        "Nobody may launch the product, because the setting catalog:principals is empty."
    )


def test_the_catalog_is_in_the_products_region_and_in_whichever_account_deploys_it(assembly: Path) -> None:
    artifacts = json.loads((assembly / "manifest.json").read_text())["artifacts"]
    stacks = {
        name: artifact["environment"]
        for name, artifact in artifacts.items()
        if artifact["type"] == "aws:cloudformation:stack"
    }
    assert stacks == {"CatalogStack": "aws://unknown-account/us-east-1"}
    assert "stackName" not in artifacts["CatalogStack"]["properties"]  # it is the name above


def test_a_suffix_adds_the_product_as_a_stack_of_its_own(tmp_path: Path, product_template: Any) -> None:
    assembly = synthesized(tmp_path, environmentSuffix="dev")
    assert names(assembly) == {"CatalogStack", "TapStack"}
    resources = assembly.get_stack_by_name("TapStack").template["Resources"]
    assert set(resources) == set(product_template["Resources"])
    assert resources["DatabaseInstance"]["Properties"]["DBInstanceIdentifier"] == "database-dev"


def test_an_account_that_launches_gets_roles_that_trust_the_hub(
    with_other_accounts: CloudAssembly,
) -> None:
    assert names(with_other_accounts) == {"CatalogStack", "LaunchRoles"}
    resources = with_other_accounts.get_stack_by_name("LaunchRoles").template["Resources"].values()
    [launch_role] = [
        r["Properties"] for r in resources if r["Properties"].get("RoleName") == "SCLaunch-TapStack"
    ]
    trusted = launch_role["AssumeRolePolicyDocument"]["Statement"][1]
    assert "111122223333" in json.dumps(trusted["Principal"])
    assert "role/tapstack-engine/*" in json.dumps(trusted["Condition"])
    assert {r["Type"] for r in resources} == {"AWS::IAM::Role", "AWS::IAM::ManagedPolicy"}


def test_the_catalog_offers_what_was_released_and_the_engine_launches_nothing_else(
    with_other_accounts: CloudAssembly,
) -> None:
    template = with_other_accounts.get_stack_by_name("CatalogStack").template["Resources"].values()
    [product] = [r for r in template if r["Type"] == "AWS::ServiceCatalog::CloudFormationProduct"]
    offered = {version["Name"] for version in product["Properties"]["ProvisioningArtifactParameters"]}
    environments = [r["Properties"].get("Environment", {}).get("Variables", {}) for r in template]
    [launched] = [variables["RELEASED"] for variables in environments if "RELEASED" in variables]
    digests = {
        name.removesuffix(released_versions.ENDING): digest
        for name, digest in released_versions.digests().items()
    }
    assert offered == digests.keys()
    assert dict(each.split("=") for each in launched.split(",")) == digests


def test_launching_accounts_reach_the_engine_and_it_reaches_their_roles(
    with_other_accounts: CloudAssembly,
) -> None:
    template = with_other_accounts.get_stack_by_name("CatalogStack").template["Resources"].values()
    for kind, expected in (
        ("AWS::SQS::QueuePolicy", 3),  # the three queues
        ("AWS::Lambda::Permission", 1),  # the parser
        ("AWS::IAM::ManagedPolicy", 8),  # every verb that takes the launch role
    ):
        assert sum(r["Type"] == kind and "444455556666" in json.dumps(r) for r in template) == expected


def test_tags_reach_every_resource_that_takes_tags(with_other_accounts: CloudAssembly) -> None:
    template = with_other_accounts.get_stack_by_name("CatalogStack").template["Resources"].values()
    tagged = {
        r["Type"]
        for r in template
        if {"Key": "team", "Value": "databases"} in r["Properties"].get("Tags", [])
    }
    assert {"AWS::SQS::Queue", "AWS::Lambda::Function", "AWS::KMS::Key", "AWS::IAM::Role"} <= tagged


def test_synthesizing_reads_nothing_that_a_kept_assembly_is_not_known_by(
    with_other_accounts: CloudAssembly,  # noqa: ARG001 - read while it was made
    files_read: set[Path],
) -> None:
    read = {file.parts[0] for file in files_read if ".venv" not in file.parts}
    assert "product_template" in read
    assert not read & UNREAD


def test_bundling_twice_gives_the_same_package(tmp_path: Path, catalog_template: Any) -> None:
    again = synthesized(tmp_path, **{"aws:cdk:bundling-stacks": ["**"]})
    functions = [
        {
            json.dumps(r["Properties"]["Code"])
            for r in template["Resources"].values()
            if r["Type"] == "AWS::Lambda::Function"
        }
        for template in (catalog_template, again.get_stack_by_name("CatalogStack").template)
    ]
    assert functions[0] == functions[1]


def test_wrong_settings_stop_the_synthesis(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="catalog:hubAccount"):
        synthesized(tmp_path, **{"catalog:hubAccount": "hub"})


def test_without_a_network_the_synthesis_ends_with_what_to_do(tmp_path: Path) -> None:
    bundle = (
        "import aws_cdk; from catalog_stack.engine.function import bundled_code; "
        "bundled_code().bind(aws_cdk.Stack())"
    )
    offline = {"UV_OFFLINE": "1", "UV_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", bundle], cwd=ROOT, env=os.environ | offline, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.endswith(
        "The functions' dependencies could not be downloaded, so nothing was synthesized: connect to a "
        "network if there is none, and run the command again.\n"
    )
