import base64
import json
import os
import resource
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from local_cloud.quotas.models import CONCURRENT_EXECUTIONS
from tests.support.account import LOGS, Account, allow, eventually, refusal, zipped

ECHO = "def handle(event, context): return event"


def test_a_function_sees_its_own_environment_and_nothing_of_the_machine(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_MACHINE", "x")
    code = """
import importlib.util, os
def handle(event, context):
    found = [name for name in ("boto3", "pytest", "moto") if importlib.util.find_spec(name)]
    return [dict(os.environ), found, os.getcwd()]
"""
    account.function("environment", code, Environment={"Variables": {"MINE": "1"}}, MemorySize=256)
    environment, importable, directory = account.invoke("environment")
    expected = {
        "MINE": "1",
        "_HANDLER": "index.handle",
        "AWS_REGION": "us-east-1",
        "AWS_LAMBDA_FUNCTION_NAME": "environment",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/environment",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.14",
        "AWS_ENDPOINT_URL": account.cloud.endpoint,
    }
    assert environment.items() >= expected.items()
    assert environment["LAMBDA_TASK_ROOT"] == directory
    assert environment["_X_AMZN_TRACE_ID"].endswith("Sampled=0")
    assert "SECRET_OF_THE_MACHINE" not in environment
    assert importable == ["boto3"]  # the runtime brings it along; the rest of this environment stays outside


def test_a_function_calls_this_cloud_with_its_own_role(account: Account) -> None:
    code = """
import boto3
def handle(event, context):
    return boto3.client("sts").get_caller_identity()["Arn"]
"""
    account.function("who", code)
    assert account.invoke("who") == "arn:aws:sts::123456789012:assumed-role/who-role/who"


def test_the_context_tells_the_function_about_its_invocation(account: Account) -> None:
    code = """
def handle(event, context):
    left = context.get_remaining_time_in_millis()
    return [context.function_name, context.memory_limit_in_mb, context.invoked_function_arn,
            9000 < left <= 10000, context.log_group_name, len(context.aws_request_id)]
"""
    arn = account.function("context", code)
    assert account.invoke("context") == ["context", "128", arn, True, "/aws/lambda/context", 36]


def test_a_warm_environment_is_used_again_until_the_function_changes(account: Account) -> None:
    code = """
calls = 0
def handle(event, context):
    global calls
    calls += 1
    return calls
"""
    account.function("warm", code)
    assert [account.invoke("warm"), account.invoke("warm")] == [1, 2]
    functions = account.client("lambda")
    functions.update_function_configuration(FunctionName="warm", Description="changed")
    assert account.invoke("warm") == 1
    functions.update_function_code(FunctionName="warm", ZipFile=zipped({"index.py": ECHO}))
    assert account.invoke("warm", "new code") == "new code"


def test_a_function_runs_beside_a_thousand_others(account: Account) -> None:
    account.function("beside", ECHO)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2048), hard))
    with ExitStack() as others:
        others.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        for _ in range(1024):  # the descriptors of as many environments
            others.callback(os.close, os.open(os.devnull, os.O_RDONLY))
        assert account.invoke("beside", "hello") == "hello"


def test_events_at_the_same_time_run_in_environments_of_their_own(account: Account, tmp_path: Path) -> None:
    code = """
import os, pathlib, time
def handle(event, context):
    mine = pathlib.Path(event["directory"], str(os.getpid()))
    mine.touch()
    while len(list(mine.parent.iterdir())) < 2:
        time.sleep(0.01)
    return os.getpid()
"""
    account.function("parallel", code)
    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(lambda _: account.invoke("parallel", {"directory": str(tmp_path)}), range(2)))
    assert len(set(answers)) == 2


@pytest.mark.parametrize(
    ("code", "kind", "message"),
    [
        ("class Broken(Exception): pass\ndef handle(e, c): raise Broken('why')", "Broken", "why"),
        (
            "import nowhere",
            "Runtime.ImportModuleError",
            "Unable to import module 'index': No module named 'nowhere'",
        ),
        ("x = 1", "Runtime.HandlerNotFound", "Handler 'handle' missing on module 'index'"),
        ("def handle(:", "Runtime.UserCodeSyntaxError", "Syntax error in module 'index'"),
        ("raise KeyError('early')", "KeyError", "'early'"),
        (
            "def handle(e, c): return {1}",
            "Runtime.MarshalError",
            "Unable to marshal response: Object of type set is not JSON serializable",
        ),
        (
            "import os\ndef handle(e, c): os._exit(7)",
            "Runtime.ExitError",
            "Runtime exited with error: exit status 7",
        ),
        (
            "import sys\ndef handle(e, c): sys.exit()",
            "Runtime.ExitError",
            "Runtime exited without providing a reason",
        ),
        (
            "import os\ndef handle(e, c): os.kill(os.getpid(), 9)",
            "Runtime.ExitError",
            "Runtime exited with error: signal: killed",
        ),
        (
            "import time\ndef handle(e, c): time.sleep(9)",
            "Sandbox.Timedout",
            "Task timed out after 1.00 seconds",
        ),
    ],
)
def test_a_failure_is_reported_as_lambda_reports_it(
    account: Account, request: pytest.FixtureRequest, code: str, kind: str, message: str
) -> None:
    name = f"failing-{request.node.callspec.indices['kind']}"
    account.function(name, code, Timeout=1)
    answer = account.client("lambda").invoke(FunctionName=name)
    error = json.loads(answer["Payload"].read())
    assert answer["FunctionError"] == "Unhandled"
    assert error["errorType"] == kind
    assert message in error["errorMessage"]
    assert account.invoke(name)["errorType"] == kind  # and the next event finds a working function again


def test_a_stack_trace_shows_the_functions_own_code_only(account: Account) -> None:
    account.function("trace", "def handle(event, context):\n    return event['missing']")
    [line] = account.invoke("trace", {})["stackTrace"]
    assert 'index.py", line 2, in handle' in line


def test_what_a_function_prints_stands_between_the_lines_of_lambda(account: Account) -> None:
    code = """
import logging
def handle(event, context):
    print("printed")
    logging.getLogger("mine").warning("logged")
"""
    account.function("talks", code)
    answer = account.client("lambda").invoke(FunctionName="talks", LogType="Tail")
    assert b"printed" in base64.b64decode(answer["LogResult"])
    start, printed, logged, end, report = account.log("talks")
    request_id = start.split()[2]
    assert start == f"START RequestId: {request_id} Version: $LATEST"
    assert printed == "printed"
    assert logged.startswith("[WARNING]\t")
    assert logged.endswith(f"Z\t{request_id}\tlogged")
    assert end == f"END RequestId: {request_id}"
    assert report.startswith(f"REPORT RequestId: {request_id}\tDuration: ")


def test_logs_go_as_json_to_the_group_that_is_configured(account: Account) -> None:
    logs = account.client("logs")
    logs.create_log_group(logGroupName="chosen")
    code = "import logging\ndef handle(event, context): logging.getLogger('mine').info('logged')"
    account.function("chooses", code, LoggingConfig={"LogFormat": "JSON", "LogGroup": "chosen"})
    account.invoke("chooses")
    events = logs.filter_log_events(logGroupName="chosen")["events"]
    start, line, report = (json.loads(event["message"]) for event in events)
    assert (start["type"], report["type"]) == ("platform.start", "platform.report")
    assert line.items() >= {"level": "INFO", "message": "logged", "logger": "mine"}.items()
    assert line["requestId"] == start["record"]["requestId"]


def test_a_role_without_permission_to_log_leaves_no_log(account: Account) -> None:
    account.function("mute", "def handle(event, context): print('said')", allow("s3:GetObject"))
    account.invoke("mute")
    groups = account.client("logs").describe_log_groups(logGroupNamePrefix="/aws/lambda/mute")
    assert groups["logGroups"] == []


def test_reserved_concurrency_throttles(account: Account) -> None:
    account.function("reserved", ECHO)
    functions = account.client("lambda")
    functions.put_function_concurrency(FunctionName="reserved", ReservedConcurrentExecutions=0)
    with pytest.raises(functions.exceptions.TooManyRequestsException) as refused:
        functions.invoke(FunctionName="reserved")
    assert refused.value.response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    functions.delete_function_concurrency(FunctionName="reserved")


def test_an_account_that_has_used_up_its_concurrency_runs_no_function(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.function("crowded", ECHO)
    functions = account.client("lambda")
    monkeypatch.setitem(account.cloud.quotas, CONCURRENT_EXECUTIONS, 0)
    with pytest.raises(functions.exceptions.TooManyRequestsException) as refused:
        functions.invoke(FunctionName="crowded")
    assert refused.value.response["Reason"] == "ConcurrentInvocationLimitExceeded"


@pytest.mark.parametrize(("quota", "most", "least"), [(1000, 900, 100), (10, 0, 10)])
def test_concurrency_that_functions_without_a_reservation_need_cannot_be_reserved(
    account: Account, monkeypatch: pytest.MonkeyPatch, quota: int, most: int, least: int
) -> None:
    account.function(f"greedy-{quota}", ECHO)
    monkeypatch.setitem(account.cloud.quotas, CONCURRENT_EXECUTIONS, quota)
    reserve = account.client("lambda").put_function_concurrency
    reserve(FunctionName=f"greedy-{quota}", ReservedConcurrentExecutions=most)
    said = refusal(reserve, FunctionName=f"greedy-{quota}", ReservedConcurrentExecutions=most + 1)
    assert f"UnreservedConcurrentExecution below its minimum value of [{least}]." in said
    account.client("lambda").delete_function_concurrency(FunctionName=f"greedy-{quota}")


def test_a_function_is_shown_as_it_was_configured(account: Account) -> None:
    settings = {
        "Architectures": ["arm64"],
        "DeadLetterConfig": {"TargetArn": account.queue("shown-dead")[1]},
        "Environment": {"Variables": {"A": "1"}},
        "EphemeralStorage": {"Size": 1024},
        "KMSKeyArn": "arn:aws:kms:us-east-1:123456789012:key/k",
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": "shown"},
        "MemorySize": 512,
        "TracingConfig": {"Mode": "Active"},
    }
    account.function("shown", ECHO, **settings)
    functions = account.client("lambda")
    assert functions.get_function(FunctionName="shown")["Configuration"].items() >= settings.items()
    changes = {
        "TracingConfig": {"Mode": "PassThrough"},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": "other"},
    }
    functions.update_function_configuration(FunctionName="shown", **changes)
    assert functions.get_function_configuration(FunctionName="shown").items() >= (settings | changes).items()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"Runtime": "nodejs22.x"}, "does not run functions with the runtime nodejs22.x"),
        ({"VpcConfig": {"SubnetIds": ["s"], "SecurityGroupIds": ["g"]}}, "functions with VpcConfig"),
        ({"Layers": ["arn:aws:lambda:us-east-1:1:layer:x:1"]}, "functions with Layers"),
        ({"Timeout": 901}, "less than or equal to 900"),
        (
            {"Environment": {"Variables": {"AWS_REGION": "x"}}},
            "Reserved keys used in this request: AWS_REGION",
        ),
        ({"Environment": {"Variables": {"BIG": "x" * 4096}}}, "exceeded the 4KB limit"),
        ({"Code": {"ZipFile": b"no zip"}}, "Could not unzip uploaded file"),
    ],
)
def test_what_cannot_run_here_is_refused_when_it_is_created(
    account: Account, settings: dict[str, Any], said: str
) -> None:
    functions, role = account.client("lambda"), "arn:aws:iam::123456789012:role/refusing"
    if not [each for each in account.client("iam").list_roles()["Roles"] if each["Arn"] == role]:
        account.role("refusing", "lambda.amazonaws.com")
    request = {
        "Runtime": "python3.14",
        "Handler": "index.handle",
        "Code": {"ZipFile": zipped({"index.py": ECHO})},
    }
    assert said in refusal(functions.create_function, FunctionName="refused", Role=role, **request | settings)


def test_code_that_cannot_run_does_not_replace_code_that_can(account: Account) -> None:
    account.function("kept", ECHO)
    said = refusal(account.client("lambda").update_function_code, FunctionName="kept", ZipFile=b"no zip")
    assert "Could not unzip" in said
    assert account.invoke("kept", "still here") == "still here"


def test_a_role_that_does_not_trust_lambda_is_refused(account: Account) -> None:
    role = account.role("of-states", "states.amazonaws.com")
    code = {"ZipFile": zipped({"index.py": ECHO})}
    assert "cannot be assumed by Lambda" in refusal(
        account.client("lambda").create_function,
        FunctionName="f",
        Role=role,
        Code=code,
        Handler="index.handle",
        Runtime="python3.14",
    )


def carried(name: str, of_version: str) -> dict[str, str]:
    """A compiled package as it lies in a deployment package for another machine."""
    return {
        f"{name}-{of_version}.dist-info/METADATA": f"Name: {name}\nVersion: {of_version}\n",
        f"{name}-{of_version}.dist-info/WHEEL": "Wheel-Version: 1.0\nTag: cp399-cp399-manylinux_2_17_s390x\n",
        f"{name}/__init__.py": "raise ImportError('built for another machine')",
    }


def test_a_compiled_library_is_taken_from_this_machine_in_the_same_version(account: Account) -> None:
    code = "import wrapt\ndef handle(event, context): return [wrapt.__version__, wrapt.__file__]"
    package = zipped({"index.py": code} | carried("wrapt", version("wrapt")))
    account.function("compiled", "", Code={"ZipFile": package})
    loaded, path = account.invoke("compiled")
    assert loaded == version("wrapt")
    assert "/builds/" in path


def test_another_version_of_a_compiled_library_is_refused_by_name(account: Account) -> None:
    functions, role = account.client("lambda"), account.role("mismatch", "lambda.amazonaws.com")
    package = zipped({"index.py": ECHO} | carried("wrapt", "0.1"))
    said = refusal(
        functions.create_function,
        FunctionName="mismatch",
        Role=role,
        Runtime="python3.14",
        Handler="index.handle",
        Code={"ZipFile": package},
    )
    assert f"carries wrapt 0.1 compiled for another machine, and wrapt {version('wrapt')}" in said


def test_pure_python_comes_from_the_deployment_package(account: Account) -> None:
    package = zipped(
        {"index.py": "import six\ndef handle(e, c): return six.MINE", "six.py": "MINE = 'carried'"}
    )
    account.function("pure", "", Code={"ZipFile": package})
    assert account.invoke("pure") == "carried"
    assert "six" not in sys.modules or not hasattr(sys.modules["six"], "MINE")


def test_a_role_needs_permission_to_invoke(account: Account) -> None:
    arn = account.function("guarded", ECHO)
    allowed = account.role("invoker", "states.amazonaws.com", allow("lambda:InvokeFunction", resource=arn))
    elsewhere = account.role(
        "other", "states.amazonaws.com", allow("lambda:InvokeFunction", resource=f"{arn}-2")
    )

    def client(role: str) -> Any:
        return account.cloud.identity.client("lambda", role, "session", "states.amazonaws.com")

    client(allowed).invoke(FunctionName="guarded")
    assert refusal(client(elsewhere).invoke, FunctionName="guarded") == (
        "AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/other/session is not authorized "
        f"to perform: lambda:InvokeFunction on resource: {arn}"
    )


def test_an_event_that_is_too_large_is_refused(account: Account) -> None:
    account.function("small", ECHO)
    functions = account.client("lambda")
    large = json.dumps("x" * 1024 * 1024)
    assert functions.invoke(FunctionName="small", Payload=large)["StatusCode"] == 200
    assert "smaller than 1048576 bytes" in refusal(
        functions.invoke, FunctionName="small", Payload=large, InvocationType="Event"
    )


def test_an_asynchronous_event_is_tried_three_times_and_then_told_to_both_targets(account: Account) -> None:
    dead_url, dead_arn = account.queue("dead-letters")
    lost_url, lost_arn = account.queue("destination")
    code = "def handle(event, context):\n    print('attempt')\n    raise ValueError('no')"
    account.function(
        "flaky",
        code,
        LOGS,
        allow("sqs:SendMessage", "sqs:GetQueueUrl"),
        DeadLetterConfig={"TargetArn": dead_arn},
    )
    functions = account.client("lambda")
    functions.put_function_event_invoke_config(
        FunctionName="flaky", DestinationConfig={"OnFailure": {"Destination": lost_arn}}
    )
    answer = functions.invoke(FunctionName="flaky", Payload='{"a": 1}', InvocationType="Event")
    assert (answer["StatusCode"], answer["Payload"].read()) == (202, b"")
    [body] = eventually(lambda: account.bodies(dead_url))
    assert json.loads(body) == {"a": 1}
    record = json.loads(eventually(lambda: account.bodies(lost_url))[0])
    assert (
        record["requestContext"].items()
        >= {"condition": "RetriesExhausted", "approximateInvokeCount": 3}.items()
    )
    assert record["responsePayload"]["errorType"] == "ValueError"
    assert account.log("flaky").count("attempt") == 3


def test_a_topic_as_destination_gets_the_record(account: Account) -> None:
    topic = account.client("sns").create_topic(Name="processed")["TopicArn"]
    account.function("tells", "def handle(event, context): return event", allow("sns:Publish"))
    account.client("lambda").put_function_event_invoke_config(
        FunctionName="tells", DestinationConfig={"OnSuccess": {"Destination": topic}}
    )
    address = "processed@example.com"
    account.client("sns").subscribe(TopicArn=topic, Protocol="email", Endpoint=address)
    [asking] = account.cloud.mailbox.to(address)
    account.client("sns").confirm_subscription(TopicArn=topic, Token=asking.todo.split()[-1])
    account.client("lambda").invoke(FunctionName="tells", Payload='{"a": 1}', InvocationType="Event")
    [told] = eventually(lambda: account.cloud.mailbox.to(address)[1:])
    record = json.loads(told.body)
    assert (record["requestContext"]["condition"], record["responsePayload"]) == ("Success", {"a": 1})
