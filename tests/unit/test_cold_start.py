"""What a function loads before its first event: modules, not seconds, which depend on the machine."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

LAMBDAS = Path(__file__).parents[2] / "lambdas"
VERBS = sorted(handler.parent.name for handler in LAMBDAS.glob("*/handler.py"))


def loaded(*modules: str) -> set[str]:
    """The modules of a fresh process, as in Lambda, that has imported some."""
    code = f"import sys, json, {', '.join(modules)}; print(json.dumps(sorted(sys.modules)))"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(LAMBDAS), "LAMBDA_TASK_ROOT": "/var/task"}
    environment |= {"POWERTOOLS_SERVICE_NAME": "verb", "POWERTOOLS_METRICS_NAMESPACE": "TapStackEngine"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True
    )
    return set(json.loads(done.stdout))


@pytest.fixture(scope="module")
def boto3_alone() -> set[str]:
    return loaded("boto3")


def test_no_function_loads_what_its_first_event_may_not_need(boto3_alone: set[str]) -> None:
    modules = loaded(*(f"{verb}.handler" for verb in VERBS if verb != "receive"))
    slow = (
        "aws_xray_sdk",  # loaded by the tracer
        "asyncio",  # by X-Ray's SDK and by the batch processor
        "aws_lambda_powertools.utilities.parser",  # a model for every event of AWS
        "aws_lambda_powertools.utilities.data_classes",  # a class for each
        "aws_lambda_powertools.utilities.batch",
    )
    assert {name for name in modules if name.startswith(slow)} == set()
    # Nothing of the SDK that boto3 leaves to the first client: no client is made on import.
    assert {
        name for name in modules - boto3_alone if name.startswith(("botocore", "boto3", "urllib3"))
    } == set()
