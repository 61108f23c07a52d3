"""What is done once gives what moto gives when it does it again: the original is beside each replacement."""

import inspect
from typing import Any

import pytest
from moto.core import responses, serialize
from moto.core.serialize import AttributePickerContext
from moto.core.utils import get_service_model
from moto.ec2.models import ec2_backends
from moto.ec2.models.core import TaggedEC2Resource
from moto.rds.models import rds_backends
from moto.rds.responses import RDSResponse
from werkzeug.routing import Map, Rule

from local_cloud.account import ACCOUNT_ID, REGION
from local_cloud.cloud import Cloud


def original(replacement: Any) -> Any:
    assert hasattr(replacement, "__wrapped__"), "is not replaced"
    return inspect.unwrap(replacement)


def test_the_tags_of_a_resource(cloud: Cloud) -> None:
    tags = [{"Key": "team", "Value": "payments"}, {"Key": "stage", "Value": "dev"}]
    made = cloud.client("ec2").create_vpc(
        CidrBlock="10.9.0.0/16", TagSpecifications=[{"ResourceType": "vpc", "Tags": tags}]
    )
    vpc = ec2_backends[ACCOUNT_ID][REGION].get_vpc(made["Vpc"]["VpcId"])
    assert made["Vpc"]["Tags"] == tags
    assert vpc.get_tags() == original(TaggedEC2Resource.get_tags)(vpc)


def test_the_names_of_the_actions_of_a_service(cloud: Cloud) -> None:  # noqa: ARG001
    names: Any = inspect.getattr_static(responses, "method_names_from_class")
    found = names(RDSResponse)
    assert list(found) == list(original(names)(RDSResponse))
    assert "create_db_instance" in found


@pytest.mark.parametrize("picker", [serialize.AttributePicker, serialize.XFormedAttributePicker])
def test_the_attributes_in_which_an_answer_looks_for_a_field(cloud: Cloud, picker: Any) -> None:  # noqa: ARG001
    shape: Any = get_service_model("rds").shape_for("DBSubnetGroup")
    group = rds_backends[ACCOUNT_ID][REGION]
    for key in ("DBSubnetGroupName", "VpcId"):
        context = AttributePickerContext(obj=group, key=key, shape=shape.members[key])
        expected = list(original(picker.get_possible_keys)(picker(), context))
        assert [list(picker().get_possible_keys(context)) for _ in range(2)] == [expected, expected]


def test_the_url_of_a_rule(cloud: Cloud) -> None:  # noqa: ARG001
    urls = Map([Rule("/<bucket>/<path:key>", endpoint="object")]).bind("localhost")
    assert urls.build("object", {"bucket": "b", "key": "a/b"}) == "/b/a/b"
