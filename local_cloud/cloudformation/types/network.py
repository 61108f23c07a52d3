"""AWS::EC2."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..arguments import arguments
from ..provider import Api, Call, Properties, Provider, Tagging

_TAGGING = Tagging(tag="create_tags", untag="delete_tags", key="Resources")


def _attributes(method: str, key: str, *names: str) -> Callable[[Call, str, Properties, Properties], None]:
    """Modify...Attribute calls, one for each changed property."""

    def after(call: Call, physical_id: str, old: Properties, new: Properties) -> None:
        for name in names:
            if name in new and new[name] != old.get(name):
                getattr(call.client("ec2"), method)(**{key: physical_id, name: {"Value": new[name]}})

    return after


TYPES: Mapping[str, Provider] = {
    "AWS::EC2::VPC": Api(
        service="ec2", create_call="create_vpc", id="Vpc.VpcId", key=("VpcId",), delete_call="delete_vpc",
        own=("EnableDnsSupport", "EnableDnsHostnames"),
        after=_attributes("modify_vpc_attribute", "VpcId", "EnableDnsSupport", "EnableDnsHostnames"),
        read_call="describe_vpcs", gone=("InvalidVpcID.NotFound",), tag_kind="vpc", tagging=_TAGGING,
        attributes={"VpcId": "{id}", "CidrBlock": "Vpcs[0].CidrBlock"},
    ),
}  # fmt: skip
_ = arguments
