"""Facts that stand in several places, because those places may not import each other."""

import os
import re
import tomllib
from datetime import timedelta
from inspect import getsource
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import pytest
from engine import account, errors, models, reasons, safety_net, stacks, template
from engine import operation as engine_operation
from snapshot import snapshots
from sweep import leftovers
from validate import postgresql_rules, template_rules
from verify import promises

from catalog_stack import dashboard, metrics, settings
from catalog_stack.engine import construct as engine_stack
from catalog_stack.operator import deployed as operator
from catalog_stack.operator import operation
from catalog_stack.permissions import launch_roles
from catalog_stack.permissions.execution_role import tags
from local_cloud import account as local_account
from local_cloud.demo import synthesize as demo
from local_cloud.quotas import models as quotas
from local_cloud.service_catalog import external_engine as service_catalog
from product_template import launch_account
from product_template.releasing import differences
from product_template.releasing.released_versions import newest, templates
from product_template.releasing.version import Version
from tests.privilege import synthesized
from tests.support.deployed import NAMESPACE, Deployed
from tests.support.reading import text

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
CI = (ROOT / ".github/workflows/ci.yml").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()
CATALOG_CHANGELOG = (ROOT / "catalog_stack" / "CHANGELOG.md").read_text()
VERSIONS = templates()
ALL = list(VERSIONS.values())
HANDLERS = {file.parent.name: file.read_text() for file in (ROOT / "lambdas").glob("*/handler.py")}


def same(deployed: Deployed) -> dict[str, dict[ModuleType | str, Any]]:
    """Return what each place says of a fact; all places must say the same."""
    return {
        "kind of operation by queue": {
            engine_operation: engine_operation.KINDS,
            operation: operation.QUEUES,
            service_catalog: {queue: _kind(name) for name, queue in service_catalog.QUEUES.items()},
            "CatalogStack": {
                name: name.removeprefix("ServiceCatalogExternal").removesuffix("OperationQueue").upper()
                for name in deployed.values("AWS::SQS::Queue", "QueueName")
            },
        },
        "kinds of operation": {
            models: set(get_args(models.Kind)),
            dashboard: set(dashboard.KINDS),
        },
        "name of the parameter parser": {
            service_catalog: [service_catalog.PARSER],
            "CatalogStack": deployed.values("AWS::Lambda::Function", "FunctionName"),
        },
        "name of the catalog's stack": {
            "app.py": deployed.names,
            operator: [operator.STACK],
            demo: [demo.STACK],
        },
        "region": {
            settings: settings.REGION,
            operator: operator.REGION,
            differences: differences.REGION,
            local_account: local_account.REGION,
        },
        "launch role and execution role": {
            launch_account: {launch_account.LAUNCH_ROLE, launch_account.EXECUTION_ROLE},
            synthesized: {synthesized.LAUNCH_ROLE, synthesized.EXECUTION_ROLE},
            "CatalogStack": set(deployed.values("AWS::IAM::Role", "RoleName")),
        },
        "boundary of the product's roles": {
            launch_account: {launch_account.PERMISSIONS_BOUNDARY},
            "CatalogStack": set(deployed.values("AWS::IAM::ManagedPolicy", "ManagedPolicyName")),
            "product_template/versions": {
                text(role["PermissionsBoundary"]).rpartition("/")[2] for role in _product_roles()
            },
        },
        "services that the product's roles are passed to": {
            "CatalogStack": deployed.passed_roles(),
            "product_template/versions": {
                (
                    text(role["RoleName"]).removesuffix("-${EnvironmentSuffix}"),
                    statement["Principal"]["Service"],
                )
                for role in _product_roles()
                for statement in role["AssumeRolePolicyDocument"]["Statement"]
            },
        },
        "tag with the version of the roles": {
            account: account.ROLES_VERSION_TAG,
            launch_roles: launch_roles.ROLES_VERSION_TAG,
        },
        "roles that a version needs": {
            template: [template.Template.parse(each).metadata.needs.roles_version for each in ALL],
            "product_template/versions": [each["Metadata"]["TapStack"]["RolesVersion"] for each in ALL],
        },
        "tag with the provisioned product": {
            models: models.TRACER_TAG,
            tags: tags.TRACER_TAG,
        },
        "how names of the product's stacks begin": {
            models: {models.stack_name("")},
            operation: {operation.of_execution(_EXECUTION, "ended").stack},
            "CatalogStack": deployed.names_for("cloudformation:ExecuteChangeSet", ":stack/"),
        },
        "how names of snapshots before an upgrade begin": {
            snapshots: {snapshots._PREFIX},
            "CatalogStack": deployed.names_for("rds:DeleteDBSnapshot", ":snapshot:"),
        },
        "types of resources that hold data": {
            stacks: set(stacks.HOLD_DATA),
            differences: differences.HOLDS_DATA,
        },
        "how an execution ends that has not answered": {
            safety_net: list(safety_net.LOST),
            operator: list(operator.LOST),
            "CatalogStack": deployed.reported_statuses(),
        },
        "namespace of the engine's metrics": {
            metrics: metrics.NAMESPACE,
            "tests/conftest.py": os.environ["POWERTOOLS_METRICS_NAMESPACE"],
            "tests/support/deployed.py": NAMESPACE,
        },
        "functions": {
            "lambdas": set(HANDLERS),
            "CatalogStack": set(deployed.functions),
            "pyproject.toml, import-linter": next(
                set(contract["modules"])
                for contract in PROJECT["tool"]["importlinter"]["contracts"]
                if contract["type"] == "independence"
            ),
            "pyproject.toml, deptry": set(PROJECT["tool"]["deptry"]["known_first_party"])
            - {"app", "catalog_stack", "product_template", "local_cloud", "tests", "engine"},
        },
        "functions that ask Service Catalog to confirm an operation": {
            engine_stack: set(engine_stack.CONFIRM),
            "lambdas": {verb for verb, handler in HANDLERS.items() if "confirmed_session(" in handler},
        },
        "quotas": {
            account: {
                (quota.service, quota.code, quota.name)
                for quota in vars(account).values()
                if isinstance(quota, account.Quota)
            },
            quotas: {
                (quota["ServiceCode"], quota["QuotaCode"], quota["QuotaName"])
                for quota in quotas.DEFAULTS
                if quota["QuotaCode"]
                in {each.code for each in vars(account).values() if isinstance(each, account.Quota)}
            },
        },
        "percent of free storage that is too little": {
            postgresql_rules: {postgresql_rules._LEAST_FREE_PERCENT},
            "product_template/versions": {
                each["Resources"]["MonitoringStorageAlarm"]["Properties"]["Threshold"] for each in ALL
            },
        },
        "least days of automated backups": {
            promises: {next(days for days in range(36) if not _lacks_backups(days))},
            "product_template/versions": {
                each["Parameters"]["BackupRetentionDays"]["MinValue"] for each in ALL
            },
        },
        "time between two sweeps": {
            "four of which see an execution": leftovers.SINCE / 4,
            "the last two of which keep it": leftovers.KEPT_AFTER / 2,
            "CatalogStack": deployed.sweeps_every(),
        },
        "time that messages are kept": {
            operator: {operator.UNKNOWN_SINCE},
            "CatalogStack": {
                timedelta(seconds=seconds)
                for seconds in deployed.values("AWS::SQS::Queue", "MessageRetentionPeriod")
            },
        },
        "version of the catalog": {
            "pyproject.toml": PROJECT["project"]["version"],
            "uv.lock": _locked(PROJECT["project"]["name"]),
            "CatalogStack": deployed.template["Outputs"]["CatalogVersion"]["Value"],
            "catalog_stack/CHANGELOG.md": re.findall(r"^## (\S+)$", CATALOG_CHANGELOG, re.MULTILINE)[0],
        },
        "oldest Python": {
            "pyproject.toml": PROJECT["project"]["requires-python"],
            "pyproject.toml, ruff": PROJECT["tool"]["ruff"]["target-version"].replace("py3", ">=3."),
            "Makefile": ">=" + ".".join(re.findall(r"version_info < \((\d), (\d+)\)", MAKEFILE)[0]),
            "ci.yml": ">=" + re.findall(r'"(3\.\d+)"', CI)[0],
        },
        "newest Python": {
            "CatalogStack": set(deployed.values("AWS::Lambda::Function", "Runtime")),
            "ci.yml": {"python" + re.findall(r'"(3\.\d+)"', CI)[-1]},
        },
    }


def used_and_there(deployed: Deployed) -> dict[str, tuple[set[str], set[str]]]:
    """Return names that one place uses, and those that another place has, which must be among them."""
    published = [
        name
        for file in (ROOT / "lambdas").rglob("*.py")
        for name in re.findall(r'\b(?:count|measure)\(\s*"(\w+)"', file.read_text())
    ]
    return {
        "outputs that make operations and make launch read": (
            {
                *re.findall(r'_outputs\["(\w+)"\]', getsource(operator)),
                *operator._SAFETY_NET_QUEUES.values(),
                operator._UNCONFIRMED,
                *re.findall(r'"OutputKey"\] == "(\w+)"', getsource(demo)),
            },
            set(deployed.template["Outputs"]),
        ),
        "environment that functions read": (
            {
                f"{name} of {verb}"
                for verb, handler in HANDLERS.items()
                for name in re.findall(r'environ\["(\w+)"\]', handler)
            },
            {
                f"{name} of {verb}"
                for verb, function in deployed.functions.items()
                for name in function["Environment"]["Variables"]
            },
        ),
        "metrics that alarms and dashboard look at": (deployed.watched_metrics(), set(published)),
        "errors that states retry or catch": (deployed.handled_errors(), _names_of(errors)),
        "errors that make unstick ends an operation with": (
            set(re.findall(r'(?:error=|"Error": )"(\w+)"', getsource(operator))),
            set(reasons._ENDED),
        ),
        "inputs that make launch gives": (
            set(re.findall(r' (\w+)="\$\(\w+\)"', MAKEFILE)),
            set.intersection(*(set(each["Parameters"]) for each in ALL)),
        ),
        "input that consents to an upgrade": (
            {postgresql_rules._CONSENT},
            set(VERSIONS[newest(2, VERSIONS)]["Parameters"]),
        ),
        "custom resources that hold data": (
            {kind for kind in stacks.HOLD_DATA if kind.startswith("Custom::")},
            set.intersection(*({one["Type"] for one in each["Resources"].values()} for each in ALL)),
        ),
    }


@pytest.fixture(scope="module")
def deployed(assembly: Path) -> Deployed:
    return Deployed(assembly)


def test_every_place_that_states_a_fact_states_the_same(deployed: Deployed) -> None:
    differing = {
        fact: places
        for fact, places in same(deployed).items()
        if any(stated != next(iter(places.values())) for stated in places.values())
    }
    assert differing == {}


def test_every_name_that_one_place_uses_another_has(deployed: Deployed) -> None:
    names = used_and_there(deployed)
    assert {fact: used - there for fact, (used, there) in names.items() if not used or used - there} == {}


@pytest.mark.parametrize("version", VERSIONS, ids=str)
def test_the_engine_finds_in_every_version_what_it_works_with(version: Version) -> None:
    template_rules.require_product(template.Template.parse(VERSIONS[version]))


_EXECUTION = {"input": "{}", "startDate": None, "status": "SUCCEEDED", "executionArn": ""}


def _locked(package: str) -> str:
    packages = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    return next(str(each["version"]) for each in packages if each["name"] == package)


def _kind(operation: str) -> models.Kind | None:
    """Return the kind that the engine takes an operation of Service Catalog for."""
    kinds: tuple[models.Kind, ...] = get_args(models.Kind)
    for kind in kinds:
        request = models.Request(kind=kind, record_id="rec-1", provisioned_product_id="pp-1", message={})
        if request.is_called(operation):
            return kind
    return None


def _product_roles() -> list[Any]:
    resources = [one for each in ALL for one in each["Resources"].values()]
    return [each["Properties"] for each in resources if each["Type"] == "AWS::IAM::Role"]


def _lacks_backups(days: int) -> bool:
    defects = promises._database_defects({"BackupRetentionPeriod": days}, [])
    return any("no automated backups" in defect for defect in defects)


def _names_of(module: ModuleType) -> set[str]:
    return {name for name, thing in vars(module).items() if isinstance(thing, type)}
