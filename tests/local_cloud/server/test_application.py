from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_cloud.cloud import Cloud
from local_cloud.kms import models as kms


def refused(call: Any, **arguments: Any) -> tuple[int, str, str]:
    with pytest.raises(ClientError) as raised:
        call(**arguments)
    answer: Any = raised.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"], answer["Error"]["Message"]


def test_an_operation_that_the_local_cloud_lacks_is_refused_in_words(cloud: Cloud) -> None:
    status, code, message = refused(
        cloud.client("kms").create_custom_key_store, CustomKeyStoreName="elsewhere"
    )
    assert (status, code) == (501, "NotImplemented")
    assert message.startswith("the local cloud cannot do this: ")


def test_a_fault_of_the_local_cloud_is_answered_as_a_service_answers_its_own(cloud: Cloud) -> None:
    keys: dict[str, Any] = kms.backend().keys
    keys["broken"] = object()
    status, code, message = refused(cloud.client("kms").list_keys)
    del keys["broken"]
    assert (status, code) == (500, "InternalFailure")
    assert message.startswith("AttributeError: ")
    assert cloud.client("kms").list_keys()["Keys"] == []
