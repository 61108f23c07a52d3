import json
import time
from datetime import datetime
from typing import Any

import pytest

from local_cloud.cloud import Cloud
from local_cloud.faults import api as effects
from local_cloud.step_functions.jsonata import UndefinedError, evaluate
from local_cloud.step_functions.models import seconds_used
from tests.support.account import ACCOUNT, LOGS, Account, allow, document, eventually, refusal

INVOKE = "arn:aws:states:::lambda:invoke"
ECHO = "def handle(event, context): return event"
OPEN = allow("*")


class Machines:
    """State machines with a role that may do everything."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.client = account.client("stepfunctions")
        self.role = account.role("machines", "states.amazonaws.com", OPEN)

    def create(self, name: str, states: dict[str, Any], **settings: Any) -> str:
        top = {key: settings.pop(key) for key in ("TimeoutSeconds", "QueryLanguage") if key in settings}
        definition = {"QueryLanguage": "JSONata", "StartAt": next(iter(states)), "States": states} | top
        settings.setdefault("roleArn", self.role)
        created = self.client.create_state_machine(name=name, definition=json.dumps(definition), **settings)
        return str(created["stateMachineArn"])

    def run(self, name: str, states: dict[str, Any], event: Any = None, **settings: Any) -> dict[str, Any]:
        """Create, start and wait: what DescribeExecution says in the end."""
        arn = self.create(name, states, **settings)
        started = self.client.start_execution(stateMachineArn=arn, name="run", input=json.dumps(event))
        return self.ended(started["executionArn"])

    def ended(self, arn: str) -> dict[str, Any]:
        def look() -> dict[str, Any]:
            shown: dict[str, Any] = self.client.describe_execution(executionArn=arn)
            return shown if shown["status"] != "RUNNING" else {}

        return eventually(look)

    def history(self, arn: str) -> list[str]:
        return [event["type"] for event in self.client.get_execution_history(executionArn=arn)["events"]]


@pytest.fixture(scope="module")
def machines(account: Account) -> Machines:
    return Machines(account)


def task(function_arn: str, **more: Any) -> dict[str, Any]:
    arguments = {"FunctionName": function_arn, "Payload": "{% $states.input %}"}
    return {"Type": "Task", "Resource": INVOKE, "Arguments": arguments, "End": True} | more


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("$states.input.text", 'a "quoted"\n\\line'),
        ("$states.input.nothing", None),
        ("$states.input.nothing = null", True),
        ("$states.input.list.k", [1, 2]),
        ("$states.input.one.k[]", [1]),
        ("[]", []),
        ("{'absent': $states.input.absent, 'null': null}", {"null": None}),
        ("$string({'n': $states.input.nothing})", '{"n":null}'),
        ("$map([1, 2], function($x) { $x * 2 })", [2, 4]),
        ("$parse('{\"a\": [null]}')", {"a": [None]}),
        ("$partition([1, 2, 3], 2)", [[1, 2], [3]]),
        ("$range(1, 7, 3)", [1, 4, 7]),
        ("$hash('', 'MD5')", "d41d8cd98f00b204e9800998ecf8427e"),
        ("$variable & '!'", "set!"),
    ],
)
def test_an_expression_gives_plain_json(expression: str, value: Any) -> None:
    given = {
        "text": 'a "quoted"\n\\line',
        "nothing": None,
        "list": [{"k": 1}, {"k": 2}],
        "one": [{"k": 1}],
    }
    assert evaluate(expression, {"states": {"input": given}, "variable": "set"}) == value


@pytest.mark.parametrize(
    "expression", ["$states.input.absent", "$unknown", "$eval('1')", "function($x) { $x }"]
)
def test_an_expression_without_a_value_is_an_error(expression: str) -> None:
    with pytest.raises((UndefinedError, NotImplementedError, TypeError)):
        evaluate(expression, {"states": {"input": {}}})


def test_what_a_function_returns_goes_through_assign_output_and_choice(
    account: Account, machines: Machines
) -> None:
    function = account.function(
        "adds", "def handle(event, context): return {'sum': sum(event), 'none': None}"
    )
    states = {
        "Add": task(
            function,
            Assign={"sum": "{% $states.result.Payload.sum %}"},
            Output="{% $states.result.Payload %}",
            Next="Large?",
        ),
        "Large?": {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $sum > 5 %}", "Next": "Large"}],
            "Default": "Small",
        },
        "Large": {"Type": "Pass", "Output": {"sum": "{% $sum %}", "all": "{% $states.input %}"}, "End": True},
        "Small": {"Type": "Fail"},
    }
    del states["Add"]["End"]
    ended = machines.run("adds", states, [1, 2, 3])
    assert json.loads(ended["output"]) == {"sum": 6, "all": {"sum": 6, "none": None}}


def test_an_undefined_value_is_a_query_evaluation_error_that_can_be_caught(machines: Machines) -> None:
    states = {
        "Ask": {"Type": "Pass", "Output": "{% $states.input.absent %}", "End": True},
    }
    ended = machines.run("undefined", states, {})
    assert (ended["status"], ended["error"]) == ("FAILED", "States.QueryEvaluationError")
    assert "'$states.input.absent' returned nothing (undefined)" in ended["cause"]
    assert machines.history(ended["executionArn"])[-2:] == ["EvaluationFailed", "ExecutionFailed"]


def test_a_failed_function_gives_its_error_and_cause_to_the_catcher(
    account: Account, machines: Machines
) -> None:
    function = account.function(
        "fails", "class TakenError(Exception): pass\ndef handle(e, c): raise TakenError('\"dev\"')"
    )
    catch = [{"ErrorEquals": ["TakenError"], "Output": "{% $states.errorOutput %}", "Next": "Tell"}]
    states = {"Try": task(function, Catch=catch), "Tell": {"Type": "Succeed"}}
    output = json.loads(machines.run("catches", states, {})["output"])
    assert output["Error"] == "TakenError"
    assert json.loads(output["Cause"]).items() >= {"errorMessage": '"dev"', "errorType": "TakenError"}.items()


def test_retries_wait_in_the_clouds_time(account: Account, machines: Machines) -> None:
    code = """
calls = 0
class NotYetError(Exception): pass
def handle(event, context):
    global calls
    calls += 1
    if calls < 4:
        raise NotYetError
    return calls
"""
    retry = [{"ErrorEquals": ["NotYetError"], "IntervalSeconds": 60, "BackoffRate": 2, "MaxAttempts": 9}]
    started = time.monotonic()
    ended = machines.run("retries", {"Poll": task(account.function("polled", code), Retry=retry)}, {})
    assert json.loads(ended["output"])["Payload"] == 4
    assert 60 * 7 / 1000 < time.monotonic() - started < 10
    assert machines.history(ended["executionArn"]).count("TaskFailed") == 3


def test_an_execution_times_out_in_the_clouds_time(machines: Machines) -> None:
    wait = {"Wait": {"Type": "Wait", "Seconds": 900, "End": True}}
    ended = machines.run("slow", wait, {}, TimeoutSeconds=600)
    assert ended["status"] == "TIMED_OUT"
    assert machines.history(ended["executionArn"])[-1] == "ExecutionTimedOut"
    assert machines.run("fast", wait, {}, TimeoutSeconds=1000)["status"] == "SUCCEEDED"


def test_a_stopped_execution_is_aborted_at_once_even_while_its_function_runs(
    account: Account, machines: Machines
) -> None:
    function = account.function("runs", "import select\ndef handle(e, c): select.select([], [], [], 8)")
    arn = machines.create("stopped", {"Sleep": task(function)})
    execution = machines.client.start_execution(stateMachineArn=arn, name="run")["executionArn"]
    eventually(lambda: "TaskStarted" in machines.history(execution))
    machines.client.stop_execution(executionArn=execution, error="Operator", cause="maintenance")
    shown = machines.ended(execution)
    assert (shown["status"], shown["error"], shown["cause"]) == ("ABORTED", "Operator", "maintenance")
    assert machines.history(execution)[-1] == "ExecutionAborted"


def test_the_same_name_starts_once(machines: Machines) -> None:
    arn = machines.create("once", {"Wait": {"Type": "Wait", "Seconds": 1200, "End": True}})
    start = machines.client.start_execution
    first = start(stateMachineArn=arn, name="n", input='{"a": 1}')
    assert start(stateMachineArn=arn, name="n", input='{"a": 1}')["executionArn"] == first["executionArn"]
    assert refusal(start, stateMachineArn=arn, name="n", input='{"a": 2}').startswith(
        "ExecutionAlreadyExists: "
    )
    machines.ended(first["executionArn"])
    assert refusal(start, stateMachineArn=arn, name="n", input='{"a": 1}').startswith(
        "ExecutionAlreadyExists: "
    )
    assert start(stateMachineArn=arn)["executionArn"] != first["executionArn"]
    assert (
        len(machines.client.list_executions(stateMachineArn=arn, statusFilter="SUCCEEDED")["executions"]) == 1
    )


@pytest.mark.parametrize("name", ["a b", "a:b", "x" * 81])
def test_a_name_outside_the_rules_is_refused(machines: Machines, name: str) -> None:
    arn = f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:once"
    assert refusal(machines.client.start_execution, stateMachineArn=arn, name=name).startswith(
        "InvalidName: "
    )


def test_history_comes_in_pages_and_in_both_orders(machines: Machines) -> None:
    ended = machines.run("paged", {"One": {"Type": "Pass", "Next": "Two"}, "Two": {"Type": "Succeed"}}, {})
    pages = machines.client.get_paginator("get_execution_history").paginate(
        executionArn=ended["executionArn"], maxResults=2
    )
    ids = [event["id"] for page in pages for event in page["events"]]
    assert ids == [1, 2, 3, 4, 5, 6]
    last = machines.client.get_execution_history(
        executionArn=ended["executionArn"], reverseOrder=True, maxResults=1
    )
    assert last["events"][0]["type"] == "ExecutionSucceeded"


def test_log_lines_carry_no_execution_data_unless_asked(account: Account, machines: Machines) -> None:
    account.client("logs").create_log_group(logGroupName="machine-log")
    group = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:machine-log:*"
    configuration = {
        "level": "ALL",
        "includeExecutionData": False,
        "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": group}}],
    }
    function = account.function("quiet", "def handle(event, context): return event")
    ended = machines.run(
        "logged", {"Do": task(function)}, {"s": "SECRET"}, loggingConfiguration=configuration
    )
    assert "SECRET" in ended["output"]
    events = account.client("logs").filter_log_events(logGroupName="machine-log")["events"]
    assert "SECRET" not in json.dumps(events)
    lines = [json.loads(event["message"]) for event in events]
    assert [line["type"] for line in lines] == machines.history(ended["executionArn"])
    assert {line["execution_arn"] for line in lines} == {ended["executionArn"]}
    described = machines.client.describe_state_machine(stateMachineArn=ended["stateMachineArn"])
    assert described["loggingConfiguration"] == configuration


def test_every_change_of_status_is_an_event(account: Account, machines: Machines) -> None:
    policy = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
    }
    url, arn = account.queue("statuses", Policy=document(policy | {"Resource": "*"}))
    events = account.client("events")
    pattern = {"source": ["aws.states"], "detail": {"status": ["RUNNING", "FAILED"]}}
    events.put_rule(Name="statuses", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="statuses", Targets=[{"Id": "queue", "Arn": arn}])
    ended = machines.run("broken", {"Stop": {"Type": "Fail", "Error": "E", "Cause": "C"}}, {"a": 1})
    seen = [json.loads(body) for body in eventually(lambda: account.bodies(url))]
    seen += [json.loads(body) for body in account.bodies(url)]
    failed = next(event for event in seen if event["detail"]["status"] == "FAILED")
    assert failed["detail-type"] == "Step Functions Execution Status Change"
    assert failed["resources"] == [ended["executionArn"]]
    assert (
        failed["detail"].items() >= {"error": "E", "cause": "C", "input": '{"a": 1}', "name": "run"}.items()
    )


@pytest.mark.parametrize(
    ("states", "said"),
    [
        ({"A": {"Type": "Pass", "Next": "B"}}, "Missing 'Next' target: B"),
        ({"A": {"Type": "Succeed"}, "B": {"Type": "Succeed"}}, "State 'B' is not reachable"),
        ({"A": {"Type": "Pass", "Result": 1, "Nonsense": 2, "End": True}}, "Nonsense"),
        ({"A": task("f", Resource=f"{INVOKE}.waitForTaskToken")}, "does not wait for the job"),
        ({"A": task("f", Resource="arn:aws:states:::glue:startJobRun")}, "does not run tasks of glue"),
        (
            {"A": task("f", Credentials={"RoleArn": "arn:aws:iam::1:role/r"})},
            "does not run tasks with Credentials",
        ),
    ],
)
def test_a_definition_that_cannot_run_is_refused(
    machines: Machines, states: dict[str, Any], said: str
) -> None:
    definition = json.dumps({"QueryLanguage": "JSONata", "StartAt": "A", "States": states})
    request = {"name": "refused", "roleArn": machines.role, "definition": definition}
    answer = refusal(machines.client.create_state_machine, **request)
    assert answer.startswith("InvalidDefinition: ")
    assert said in answer


def test_a_role_that_may_not_invoke_fails_the_task(account: Account, machines: Machines) -> None:
    function = account.function("forbidden", "def handle(event, context): return 1")
    role = account.role("powerless", "states.amazonaws.com", LOGS)
    ended = machines.run("powerless", {"Do": task(function)}, {}, roleArn=role)
    assert (ended["status"], ended["error"]) == ("FAILED", "Lambda.AccessDeniedException")
    assert "lambda:InvokeFunction" in ended["cause"]


@pytest.mark.parametrize("integration", ["sqs:sendMessage", "sns:publish", "events:putEvents"])
def test_a_task_calls_a_service_as_the_role_of_its_machine(
    account: Account, machines: Machines, integration: str
) -> None:
    name = integration.replace(":", "-")
    topic = account.client("sns").create_topic(Name=name)["TopicArn"]
    arguments: dict[str, Any] = {
        "sqs:sendMessage": {"QueueUrl": account.queue(name)[0], "MessageBody": "done"},
        "sns:publish": {"TopicArn": topic, "Message": "done"},
        "events:putEvents": {"Entries": [{"Source": "of.a.test", "DetailType": "Done", "Detail": {}}]},
    }
    call = {
        "Type": "Task",
        "Resource": f"arn:aws:states:::{integration}",
        "Arguments": arguments[integration],
        "End": True,
    }
    assert machines.run(name, {"Call": call}, {})["status"] == "SUCCEEDED"
    role = account.role(f"{name}-powerless", "states.amazonaws.com", LOGS)
    refused = machines.run(f"{name}-refused", {"Call": call}, {}, roleArn=role)
    assert refused["status"] == "FAILED"
    assert "is not authorized to perform" in refused["cause"]


def test_errors_of_aws_have_the_names_of_step_functions_and_times_are_text(
    machines: Machines,
) -> None:
    states = {
        "Read": {
            "Type": "Task",
            "Resource": "arn:aws:states:::aws-sdk:rds:describeDBInstances",
            "Arguments": {"DBInstanceIdentifier": "absent"},
            "End": True,
        }
    }
    ended = machines.run("no-database", states, {})
    assert ended["error"] == "Rds.DbInstanceNotFoundException"
    states["Read"] |= {
        "Resource": "arn:aws:states:::aws-sdk:iam:getRole",
        "Arguments": {"RoleName": "machines"},
        "Output": "{% $states.result.Role.CreateDate %}",
    }
    text = json.loads(machines.run("times", states, {})["output"])
    assert datetime.fromisoformat(text).tzinfo is not None


def test_a_variable_in_a_jsonpath_state_is_refused_in_words(machines: Machines) -> None:
    states = {
        "Set": {"Type": "Pass", "Assign": {"greeting": "hello"}, "Next": "Use"},
        "Use": {
            "Type": "Pass",
            "Parameters": {"said.$": "$greeting"},
            "End": True,
        },
    }
    ended = machines.run("jsonpath", states, {}, QueryLanguage="JSONPath")
    assert ended["status"] == "FAILED"
    assert "evaluates JSONata in {% %} strings only" in ended["cause"]


def test_a_role_that_does_not_trust_step_functions_is_refused(account: Account, machines: Machines) -> None:
    role = account.role("of-lambda", "lambda.amazonaws.com")
    definition = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Succeed"}}})
    said = refusal(machines.client.create_state_machine, name="m", roleArn=role, definition=definition)
    assert said.startswith("AccessDeniedException: Neither the global service principal states.amazonaws.com")


def test_what_hinders_an_invocation_has_the_name_that_step_functions_gives_it(
    cloud: Cloud, account: Account, machines: Machines
) -> None:
    states = {"Call": {"Type": "Task", "Resource": account.function("hindered", ECHO), "End": True}}
    machine = machines.create("hinders", states)
    names = {}
    for effect in (effects.throttle, effects.fail, effects.deny, effects.cut):
        fault = cloud.faults.api.add(lambda call: call.operation == "Invoke", effect)
        started = machines.client.start_execution(stateMachineArn=machine, name=effect.__name__)
        names[effect.__name__] = machines.ended(started["executionArn"])["error"]
        cloud.faults.api.remove(fault)
    assert names == {
        "throttle": "Lambda.TooManyRequestsException",
        "fail": "Lambda.ServiceException",
        "deny": "Lambda.AWSLambdaException",
        "cut": "Lambda.SdkClientException",
    }
    assert 0 < seconds_used(started["executionArn"]) < 60
