import json
from contextlib import suppress
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ParamValidationError
from botocore.parsers import ResponseParserError
from engine.entry_point import entry_point, translate
from engine.errors import (
    AWSFailedError,
    AWSRefusedError,
    LaunchRoleDeniedError,
    PermissionMissingError,
    StackInProgressError,
    ThrottledError,
)
from engine.launch_role import assume


def aws_error(code: str, message: str = "", operation: str = "DescribeVpcs", status: int = 400) -> Any:
    details: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(details, operation)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("Throttling", 400),
        ("ThrottlingException", 400),
        ("RequestLimitExceeded", 503),
        ("TooManyRequestsException", 429),
        ("SlowDown", 503),
        ("InternalFailure", 500),
        ("ExpiredToken", 403),
    ],
)
def test_a_busy_aws_is_worth_another_try(code: str, status: int) -> None:
    assert isinstance(translate(aws_error(code, status=status)), ThrottledError)


@pytest.mark.parametrize(
    ("code", "message", "named"),
    [
        (
            "AccessDenied",
            "User: arn:aws:sts::1:assumed-role/R/s is not authorized to perform: rds:DescribeDBInstances",
            "rds:DescribeDBInstances",
        ),
        ("UnauthorizedOperation", "You are not authorized to perform this operation.", "DescribeVpcs"),
    ],
)
def test_a_missing_permission_names_the_action(code: str, message: str, named: str) -> None:
    error = translate(aws_error(code, message))
    assert isinstance(error, PermissionMissingError)
    assert f"lacks the permission for {named}." in str(error)


def test_any_other_refusal_is_told_in_the_words_of_aws() -> None:
    error = translate(aws_error("ValidationError", "Template format error", "CreateChangeSet"))
    assert isinstance(error, AWSRefusedError)
    assert str(error) == (
        "AWS refused CreateChangeSet (ValidationError). Correct what AWS names, then try again. AWS said: "
        "Template format error."
    )


@pytest.mark.parametrize("call", ["CreateChangeSet", "DeleteStack"])
def test_an_operation_that_cloudformation_fails_to_begin_is_not_tried_for_hours(call: str) -> None:
    error = translate(aws_error("InternalFailure", "", call, 500))
    assert isinstance(error, AWSFailedError)
    assert f"AWS answered {call} with an internal error" in str(error)


def test_an_encoded_message_takes_no_room_from_what_can_be_read() -> None:
    encoded = f"Encoded authorization failure message: {'wA2-_' * 200}"
    message = (
        "You are not authorized to perform this operation. User: arn:aws:sts::1:assumed-role/R/s is not "
        "authorized to perform: ec2:DescribeVpcs on resource: arn:aws:ec2:us-east-1:1:vpc/* because no "
        f"identity-based policy allows the ec2:DescribeVpcs action. {encoded}"
    )
    told = str(translate(aws_error("UnauthorizedOperation", message)))
    assert "permission for ec2:DescribeVpcs on arn:aws:ec2:us-east-1:1:vpc/*. Ask the platform team" in told
    assert told.endswith("identity-based policy allows the ec2:DescribeVpcs action.")


def raising(error: Any) -> Any:
    @entry_point
    def handle(_event: Any, _context: Any) -> Any:
        raise error

    return handle


def test_errors_of_aws_leave_a_handler_in_words(context: Any) -> None:
    with pytest.raises(PermissionMissingError):
        raising(aws_error("AccessDenied"))({}, context)
    with pytest.raises(ThrottledError):
        raising(EndpointConnectionError(endpoint_url="https://rds.us-east-1.amazonaws.com"))({}, context)
    with pytest.raises(ThrottledError):
        raising(ResponseParserError("Unable to parse response, invalid XML received: <Descri"))({}, context)
    with pytest.raises(AWSRefusedError, match=r"\(ParamValidationError\)") as refused:
        raising(ParamValidationError(report="value: 'from the message'"))({}, context)
    assert "from the message" not in str(refused.value)


def test_polling_is_no_fault_in_the_log(context: Any, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(StackInProgressError):
        raising(StackInProgressError("still busy"))({"recordId": "rec-1"}, context)
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [("INFO", "still busy")]


@pytest.mark.parametrize(
    ("error", "level", "outcome"), [(None, "INFO", "Done"), (KeyError("secret"), "WARNING", "KeyError")]
)
def test_an_event_leaves_one_line_that_says_what_became_of_it_without_what_is_in_it(
    context: Any, caplog: pytest.LogCaptureFixture, error: Any, level: str, outcome: str
) -> None:
    @entry_point
    def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001
        if error:
            raise error
        return {"token": "secret"}

    with suppress(KeyError):
        handle({"recordId": "rec-1", "token": "secret", "state": "Plan changes", "kind": "UPDATE"}, context)
    [line] = caplog.records
    assert (line.levelname, vars(line)["outcome"]) == (level, outcome)
    assert (vars(line)["state"], vars(line)["kind"]) == ("Plan changes", "UPDATE")
    assert vars(line)["seconds"] >= 0
    assert "secret" not in str(vars(line))


@pytest.mark.parametrize("record_id", ["rec-6zfcyj6jqsoj6", "rec/with spaces:" + "x" * 80])
def test_a_session_of_the_launch_role_is_named_after_the_record(stubbed: Any, record_id: str) -> None:
    sts, stub = stubbed("sts")
    given = {"AccessKeyId": "A" * 16, "SecretAccessKey": "s", "SessionToken": "t", "Expiration": 0}
    stub.add_response("assume_role", {"Credentials": given}, None)
    asked = []
    sts.meta.events.register(
        "provide-client-params.sts.AssumeRole", lambda params, **_: asked.append(params["RoleSessionName"])
    )
    session = assume(sts, "arn:aws:iam::123456789012:role/SCLaunch-TapStack", record_id)
    credentials = session.get_credentials()
    assert credentials
    assert credentials.token == "t"
    assert asked[0].startswith("rec")
    assert len(asked[0]) <= 64


def test_a_role_that_does_not_trust_the_engine_is_named(stubbed: Any) -> None:
    sts, stub = stubbed("sts")
    stub.add_client_error("assume_role", "AccessDenied", "no", 403)
    with pytest.raises(LaunchRoleDeniedError, match=r"role/SCLaunch-TapStack.*trust policy"):
        assume(sts, "arn:aws:iam::123456789012:role/SCLaunch-TapStack", "rec-1")


def test_metrics_are_written_as_cloudwatch_reads_them(capsys: pytest.CaptureFixture[str]) -> None:
    from engine.entry_point import count

    count("OperationFailed", Kind="UPDATE")
    count("OperationSucceeded", Kind="PROVISION")
    failed, succeeded = map(json.loads, capsys.readouterr().out.splitlines())
    assert (failed["OperationFailed"], failed["Kind"]) == ([1.0], "UPDATE")
    assert "OperationFailed" not in succeeded
    (directive,) = failed["_aws"]["CloudWatchMetrics"]
    assert (directive["Namespace"], directive["Dimensions"]) == ("TapStackEngine", [["Kind", "service"]])
