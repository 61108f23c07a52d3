"""CloudFormation's API over HTTP. Each method answers the action of its name (see the API reference)."""
# ruff: noqa: D102

from __future__ import annotations

import json
from typing import Any

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, BaseResponse

from ..account import REGION
from ..iam.trust import caller_of
from .changes import without_values
from .descriptions import (
    capabilities,
    change_set_detail,
    declaration,
    description_of,
    resource_detail,
    stack_detail,
    stack_summary,
    without_none,
)
from .errors import NotEmulatedError, ThrottlingError, ValidationError
from .models import LocalCloudFormation, backend
from .stack import Stack

_PAGE = 100


class LocalCloudFormationResponse(BaseResponse):
    """Answers requests about stacks and change sets."""

    def __init__(self) -> None:
        super().__init__(service_name="cloudformation")
        self.automated_parameter_parsing = True

    def call_action(self) -> Any:
        """Answer a request, unless it is for another region or a test wants it throttled."""
        try:
            if self.region != REGION:
                raise NotEmulatedError(f"the region {self.region}")
            if self.backend.faults.stack.throttles(self._get_action()):
                raise ThrottlingError("Rate exceeded")
        except ServiceException as error:
            return self.serialized(ActionResult(error))
        return super().call_action()

    @property
    def backend(self) -> LocalCloudFormation:
        """The stacks of the account."""
        return backend()

    @property
    def _request(self) -> dict[str, Any]:
        request: dict[str, Any] = dict(self.params)
        return request

    def _caller(self) -> str | None:
        """The ARN of the caller's role; None for the account's administrator."""
        arn = caller_of(self.headers.get("Authorization", "")).arn
        return arn if ":role/" in arn else None

    def _page(self, items: list[Any], size: int = _PAGE) -> tuple[list[Any], dict[str, str]]:
        token = self._request.get("NextToken") or "0"
        if not token.isdigit():
            raise ValidationError("Invalid NextToken")
        start = int(token)
        return items[start : start + size], (
            {"NextToken": str(start + size)} if start + size < len(items) else {}
        )

    # Stacks

    def create_stack(self) -> ActionResult:
        return ActionResult({"StackId": self.backend.create_stack(self._request, self._caller())})

    def update_stack(self) -> ActionResult:
        return ActionResult({"StackId": self.backend.update_stack(self._request, self._caller())})

    def delete_stack(self) -> ActionResult:
        self.backend.delete_stack(self._request, self._caller())
        return ActionResult({})

    def continue_update_rollback(self) -> ActionResult:
        self.backend.continue_update_rollback(self._request)
        return ActionResult({})

    def describe_stacks(self) -> ActionResult:
        name = self._request.get("StackName")
        if name:
            stacks = [self.backend.stacks.find(name, deleted=True)]
        else:
            stacks = [
                stack for stack in reversed(self.backend.stacks.all) if stack.status != "DELETE_COMPLETE"
            ]
        page, more = self._page([stack_detail(stack) for stack in stacks])
        return ActionResult({"Stacks": page} | more)

    def list_stacks(self) -> ActionResult:
        wanted = self._request.get("StackStatusFilter")
        stacks = [
            stack for stack in reversed(self.backend.stacks.all) if not wanted or stack.status in wanted
        ]
        page, more = self._page([stack_summary(stack) for stack in stacks])
        return ActionResult({"StackSummaries": page} | more)

    def describe_stack_events(self) -> ActionResult:
        stack = self._named_stack()
        page, more = self._page(stack.events[::-1])
        return ActionResult({"StackEvents": page} | more)

    def _named_stack(self) -> Stack:
        if "StackName" not in self._request:
            raise ValidationError("StackName is required")
        name = self._request["StackName"]
        try:
            return self.backend.stacks.find(name, deleted=True)
        except ValidationError:
            raise ValidationError(f"Stack [{name}] does not exist") from None

    def describe_stack_resource(self) -> ActionResult:
        stack = self._named_stack()
        logical_id = self._request["LogicalResourceId"]
        if logical_id not in stack.resources:
            raise ValidationError(f"Resource {logical_id} does not exist for stack {stack.name}")
        resource = stack.resources[logical_id]
        detail = resource_detail(stack, resource, "LastUpdatedTimestamp")
        detail["Metadata"] = json.dumps(resource.definition.get("Metadata", {}))
        return ActionResult({"StackResourceDetail": detail})

    def describe_stack_resources(self) -> ActionResult:
        if "StackName" not in self._request:
            raise NotEmulatedError("DescribeStackResources by PhysicalResourceId")
        stack = self._named_stack()
        wanted = self._request.get("LogicalResourceId")
        resources = [item for name, item in list(stack.resources.items()) if wanted in (None, name)]
        return ActionResult(
            {"StackResources": [resource_detail(stack, item, "Timestamp") for item in resources[:_PAGE]]}
        )

    def list_stack_resources(self) -> ActionResult:
        stack = self._named_stack()
        page, more = self._page(
            [resource_detail(None, item, "LastUpdatedTimestamp") for item in list(stack.resources.values())]
        )
        return ActionResult({"StackResourceSummaries": page} | more)

    def update_termination_protection(self) -> ActionResult:
        stack = self.backend.stacks.find(self._request["StackName"])
        stack.termination_protection = bool(self._request["EnableTerminationProtection"])
        return ActionResult({"StackId": stack.id})

    def set_stack_policy(self) -> ActionResult:
        self.backend.set_stack_policy(self._request)
        return ActionResult({})

    def get_stack_policy(self) -> ActionResult:
        policy = self._named_stack().policy
        return ActionResult({"StackPolicyBody": policy} if policy else {})

    def list_exports(self) -> ActionResult:
        return ActionResult({"Exports": []})

    # Templates

    def get_template(self) -> ActionResult:
        if "ChangeSetName" in self._request:
            stack, change_set = self.backend.change_sets.find(self._request)
            body = change_set.target.template.body
        else:
            stack = self.backend.stacks.find(self._request["StackName"], deleted=True)
            if stack.specification is None:
                raise ValidationError(f"Stack [{stack.name}] has no template")
            body = stack.specification.template.body
        return ActionResult({"TemplateBody": body, "StagesAvailable": ["Original", "Processed"]})

    def get_template_summary(self) -> ActionResult:
        if "StackName" in self._request:
            specification = self.backend.stacks.find(self._request["StackName"]).specification
            assert specification is not None
            template = specification.template
        else:
            template = self.backend.reader.template(self._request, self._caller())
        parameters = [declaration(key, item) for key, item in template.parameters.items()]
        for item, declared in zip(parameters, template.parameters.values(), strict=True):
            item["ParameterType"] = declared["Type"]
            if "AllowedValues" in declared:
                item["ParameterConstraints"] = {
                    "AllowedValues": [str(value) for value in declared["AllowedValues"]]
                }
        types = sorted({resource["Type"] for resource in template.resources.values()})
        return ActionResult(
            {"Parameters": parameters, "ResourceTypes": types}
            | without_none({"Version": template.data.get("AWSTemplateFormatVersion")})
            | description_of(template.data) | capabilities(template.capabilities)
        )  # fmt: skip

    def validate_template(self) -> ActionResult:
        template = self.backend.reader.template(self._request, self._caller())
        parameters = [declaration(key, item) for key, item in template.parameters.items()]
        return ActionResult(
            {"Parameters": parameters} | description_of(template.data) | capabilities(template.capabilities)
        )

    # Change sets

    def create_change_set(self) -> ActionResult:
        change_set = self.backend.change_sets.create(self._request, self._caller())
        stack, _ = self.backend.change_sets.find({"ChangeSetName": change_set.id})
        return ActionResult({"Id": change_set.id, "StackId": stack.id})

    def describe_change_set(self) -> ActionResult:
        stack, change_set = self.backend.change_sets.find(self._request)
        page, more = self._page(change_set.changes)
        if not self._request.get("IncludePropertyValues"):
            page = [without_values(change) for change in page]
        detail = change_set_detail(stack, change_set) | {
            "Parameters": [item.described(key) for key, item in change_set.target.parameters.items()],
            "Tags": [{"Key": key, "Value": value} for key, value in change_set.target.tags.items()],
            "Capabilities": list(change_set.target.capabilities),
            "NotificationARNs": [],
            "RollbackConfiguration": {},
            "Changes": page,
        }
        return ActionResult(
            detail | ({"OnStackFailure": change_set.on_failure} if change_set.on_failure else {}) | more
        )

    def list_change_sets(self) -> ActionResult:
        stack = self.backend.stacks.find(self._request["StackName"])
        page, more = self._page([change_set_detail(stack, item) for item in stack.change_sets.values()])
        return ActionResult({"Summaries": page} | more)

    def execute_change_set(self) -> ActionResult:
        self.backend.change_sets.execute(self._request, self._caller())
        return ActionResult({})

    def delete_change_set(self) -> ActionResult:
        self.backend.change_sets.delete(self._request)
        return ActionResult({})
