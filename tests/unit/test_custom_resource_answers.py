"""What every inline function does when CloudFormation does not accept its answer.

Product and catalog have separate code for it, so each of their functions is tested.
"""

from collections.abc import Callable
from typing import Any

import pytest

from catalog_stack.inline import version_guidance
from product_template.inline import custom_resources
from tests.support.response_url import Answers, event_for

Handler = Callable[[dict[str, Any], Any], None]

# Each function with an event on which it only answers.
pytestmark = pytest.mark.parametrize(
    ("handler", "request_type", "properties"),
    [
        pytest.param(custom_resources.empty_bucket, "Create", {"BucketName": "b"}, id="empty_bucket"),
        pytest.param(
            custom_resources.close_security_group, "Delete", {"GroupId": "sg-1"}, id="close_security_group"
        ),
        pytest.param(version_guidance.mark_versions, "Delete", {"ProductId": "prod-1"}, id="mark_versions"),
    ],
)


def test_a_refused_answer_makes_lambda_run_the_event_again(
    answers: Answers, handler: Handler, request_type: str, properties: dict[str, str]
) -> None:
    answers.status = 403
    with pytest.raises(ConnectionError, match="403"):
        handler(event_for(answers, request_type, **properties), None)


def test_an_unreachable_cloudformation_is_reported_without_the_signed_url(
    answers: Answers, handler: Handler, request_type: str, properties: dict[str, str]
) -> None:
    answers.server.shutdown()
    answers.server.server_close()
    with pytest.raises(ConnectionError) as failure:
        handler(event_for(answers, request_type, **properties), None)
    assert "signature" not in str(failure.value)
    # Lambda would log an error's cause or context, and those have the URL.
    assert failure.value.__cause__ is None
    assert failure.value.__suppress_context__
