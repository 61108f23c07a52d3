"""What a function loads before its first event: modules, because seconds depend on the machine."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

LAMBDAS = Path(__file__).parents[2] / "lambdas"
VERBS = sorted(handler.parent.name for handler in LAMBDAS.glob("*/handler.py"))


def run(code: str) -> str:
    """Return what some code prints in a process of its own, set up as in Lambda."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(LAMBDAS),
        "LAMBDA_TASK_ROOT": "/var/task",
        "AWS_DEFAULT_REGION": "us-east-1",
        "POWERTOOLS_SERVICE_NAME": "verb",
        "POWERTOOLS_METRICS_NAMESPACE": "TapStackEngine",
    }
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout


def loaded(*modules: str) -> set[str]:
    """The modules of a fresh process that has imported some."""
    return set(json.loads(run(f"import sys, json, {', '.join(modules)}; print(json.dumps([*sys.modules]))")))


@pytest.fixture(scope="module")
def boto3_alone() -> set[str]:
    return loaded("boto3")


def test_no_function_loads_what_its_first_event_may_not_need(boto3_alone: set[str]) -> None:
    modules = loaded(*(f"{verb}.handler" for verb in VERBS))
    slow = (
        "aws_xray_sdk",  # loaded by the tracer
        "asyncio",  # by X-Ray's SDK, and by Powertools' batch processor
        "aws_lambda_powertools.utilities.parser",  # a model for every event of AWS
        "aws_lambda_powertools.utilities.data_classes",  # a class for each
        "aws_lambda_powertools.utilities.batch",
    )
    assert {name for name in modules if name.startswith(slow)} == set()
    # No client is made on import, so nothing of the SDK is loaded but what importing boto3 loads.
    assert {
        name for name in modules - boto3_alone if name.startswith(("botocore", "boto3", "urllib3"))
    } == set()


def test_a_later_event_reads_no_description_of_a_service_again() -> None:
    code = """if True:
        import sys
        from engine.launch_role import _session
        read = []
        _session("key", "secret", "token").client("cloudformation")
        sys.addaudithook(lambda name, about: read.append(about[0]) if name == "open" else None)
        _session("another", "secret", "token").client("cloudformation")
        print([file for file in read if "botocore" in str(file)])
    """
    assert run(code) == "[]\n"
