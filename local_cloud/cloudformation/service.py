"""CloudFormation's stacks and change sets: what its API does, apart from HTTP."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlparse

from botocore.exceptions import ClientError

from ..trust import FORWARDED
from ..world import ACCOUNT_ID, REGION, World
from .changes import plan_changes
from .errors import (
    AlreadyExistsError,
    ChangeSetNotFoundError,
    InsufficientCapabilitiesError,
    InvalidChangeSetStatusError,
    NotEmulatedError,
    ValidationError,
)
from .faults import Faults
from .operations import StackOperation
from .parameters import resolve_parameters
from .policy import check_policy_body
from .resources import ResourceHandler, Types
from .stack import ChangeSet, Specification, Stack, new_stack_id, now
from .template import BODY_LIMIT, URL_LIMIT, Template

Request = dict[str, Any]

_UPDATABLE = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_FAILED")
_NOT_EMULATED = (
    "NotificationARNs", "RollbackConfiguration", "ResourceTypes", "ResourcesToImport", "ImportExistingResources",
    "EnableTerminationProtectionOnChangeSet", "DeletionMode", "DeploymentConfig", "DeploymentMode",
    "StackPolicyDuringUpdateBody", "StackPolicyDuringUpdateURL", "StackPolicyURL", "IncludeNestedStacks",
)  # fmt: skip
NO_CHANGES = (
    "The submitted information didn't contain changes. Submit different information to create a change set."
)


class CloudFormation:
    """All stacks of the cloud. One lock guards what requests read and change; operations run in threads."""

    def __init__(self, world: World, faults: Faults, types: Types) -> None:
        self.world, self.faults, self.types = world, faults, types
        self.stacks: list[Stack] = []
        self._tokens: dict[tuple[str, str, str], str] = {}
        self._lock = threading.RLock()

    def stop(self) -> None:
        """Call every operation off and wait until its thread has ended."""
        self.faults.clear()
        for stack in self.stacks:
            stack.cancelled.set()
            if stack.operation:
                stack.operation.join(10)

    # Finding

    def stack(self, name_or_id: str, *, deleted: bool = False) -> Stack:
        """Find a stack by name, or by id even when it is deleted, if `deleted` ones may be found."""
        for stack in reversed(self.stacks):
            gone = stack.status == "DELETE_COMPLETE"
            if (stack.id == name_or_id and (deleted or not gone)) or (stack.name == name_or_id and not gone):
                return stack
        raise ValidationError(f"Stack with id {name_or_id} does not exist")

    def _existing(self, name: str) -> Stack | None:
        try:
            return self.stack(name)
        except ValidationError:
            return None

    def change_set(self, request: Request) -> tuple[Stack, ChangeSet]:
        """Find the change set that a request names, by ARN or by name and stack."""
        name = request["ChangeSetName"]
        stacks = [self.stack(request["StackName"])] if "StackName" in request else self.stacks
        if "StackName" not in request and not name.startswith("arn:"):
            raise ValidationError("StackName must be specified if ChangeSetName is not specified as an ARN.")
        for stack in stacks:
            for item in stack.change_sets.values():
                if name in (item.name, item.id):
                    return stack, item
        raise ChangeSetNotFoundError(f"ChangeSet [{name}] does not exist")

    # Understanding requests

    def handler(self, stack: Stack, specification: Specification) -> ResourceHandler:
        """Return what handles the resources of a stack."""
        return ResourceHandler(self.world, self.faults, self.types, stack, specification)

    def template(
        self, request: Request, caller: str | None, previous: Specification | None = None
    ) -> Template:
        """Read the request's template: body, URL or the previous one. Raises ValidationError."""
        given = [key for key in ("TemplateBody", "TemplateURL") if request.get(key)]
        if request.get("UsePreviousTemplate") and not given and previous:
            return previous.template
        if len(given) != 1:
            raise ValidationError("Either Template URL or Template Body must be specified.")
        if given == ["TemplateBody"]:
            body, limit, place = request["TemplateBody"], BODY_LIMIT, "templateBody"
        else:
            body, limit, place = self._download(request["TemplateURL"], caller), URL_LIMIT, "templateURL"
        if len(body.encode()) > limit:
            raise ValidationError(
                f"1 validation error detected: Value at '{place}' failed to satisfy constraint: Member must have length less than or equal to {limit}"
            )
        template = Template(body)
        template.validate({name: provider.attributes for name, provider in self.types.providers.items()})
        return template

    def _download(self, url: str, caller: str | None) -> str:
        bucket, key = _s3_location(url)
        try:
            answer = self._client("s3", caller).get_object(Bucket=bucket, Key=key)
        except ClientError as error:
            raise ValidationError(f"S3 error: {error.response['Error'].get('Message', '')}") from None
        body: bytes = answer["Body"].read()
        return body.decode()

    def _client(self, service: str, caller: str | None) -> Any:
        """Go on with the caller's own session."""
        return self.world.client(service, caller, "AWSCloudFormation", FORWARDED)

    def _specification(self, request: Request, stack: Stack | None, caller: str | None) -> Specification:
        for key in _NOT_EMULATED:
            if request.get(key):
                raise NotEmulatedError(f"the parameter {key}")
        previous = stack.specification if stack else None
        template = self.template(request, caller, previous)

        def read_ssm(name: str) -> str:
            try:
                answer = self._client("ssm", caller).get_parameter(Name=name)
            except ClientError:
                raise ValidationError(
                    f"Unable to fetch parameters [{name}] from parameter store for this account."
                ) from None
            return str(answer["Parameter"]["Value"])

        parameters = resolve_parameters(
            template.parameters,
            request.get("Parameters", []),
            previous.parameters if previous else {},
            read_ssm,
        )
        capabilities = tuple(request.get("Capabilities", []))
        needed, _ = template.capabilities
        agreed = {"CAPABILITY_NAMED_IAM", needed} if needed == "CAPABILITY_IAM" else {needed}
        if needed and not agreed & set(capabilities):
            raise InsufficientCapabilitiesError(f"Requires capabilities : [{needed}]")
        if "Tags" in request or previous is None:
            tags = {tag["Key"]: tag["Value"] for tag in request.get("Tags", [])}
        else:
            tags = dict(previous.tags)
        specification = Specification(template, parameters, tags, capabilities)
        self._check_rules(specification)
        return specification

    def _check_rules(self, specification: Specification) -> None:
        stack = Stack("rules", "rules", None)
        evaluator = self.handler(stack, specification).evaluator(specification)
        for rule in specification.template.rules.values():
            if "RuleCondition" in rule and not evaluator.resolve(rule["RuleCondition"]):
                continue
            for assertion in rule["Assertions"]:
                if not evaluator.resolve(assertion["Assert"]):
                    raise ValidationError(
                        f"Template validation error: {assertion.get('AssertDescription', 'Rule assertion failed')}"
                    )

    def _role(self, request: Request) -> str | None:
        """Check that the service role exists and trusts CloudFormation."""
        role_arn: str | None = request.get("RoleARN")
        if role_arn is None:
            return None
        try:
            role = self.world.client("iam").get_role(RoleName=role_arn.rsplit("/", 1)[-1])["Role"]
            trusted = role["Arn"] == role_arn and _trusts_cloudformation(role["AssumeRolePolicyDocument"])
        except ClientError:
            trusted = False
        if not trusted:
            raise ValidationError(f"Role {role_arn} is invalid or cannot be assumed")
        return role_arn

    def _repeated(self, action: str, name: str, request: Request) -> Stack | None:
        """The stack of an earlier request with the same token, which this one repeats."""
        token = request.get("ClientRequestToken")
        stack_id = self._tokens.get((action, name, token)) if token else None
        return self.stack(stack_id, deleted=True) if stack_id else None

    def _remember(self, action: str, name: str, request: Request, stack: Stack) -> None:
        stack.token = request.get("ClientRequestToken")
        if stack.token:
            self._tokens[action, name, stack.token] = stack.id

    # Doing

    def create_stack(self, request: Request, caller: str | None) -> str:
        """Start creating a stack and return its id."""
        with self._lock:
            name = request["StackName"]
            if repeated := self._repeated("create", name, request):
                return repeated.id
            if existing := self._existing(name):
                raise AlreadyExistsError(f"Stack [{existing.name}] already exists")
            if "OnFailure" in request and "DisableRollback" in request:
                raise ValidationError("Only one of OnFailure and DisableRollback can be specified")
            specification = self._specification(request, None, caller)
            stack = self._new_stack(name, specification, self._role(request), caller)
            stack.on_failure = (
                "DO_NOTHING" if request.get("DisableRollback") else request.get("OnFailure", "ROLLBACK")
            )
            stack.termination_protection = bool(request.get("EnableTerminationProtection"))
            if policy := request.get("StackPolicyBody"):
                check_policy_body(policy)
                stack.policy = policy
            self._remember("create", name, request, stack)
            stack.set_status("CREATE_IN_PROGRESS", "User Initiated")
            self._start(stack, self._operation(stack, specification).create)
            return stack.id

    def _new_stack(
        self, name: str, specification: Specification | None, role: str | None, caller: str | None
    ) -> Stack:
        stack = Stack(name, new_stack_id(name), specification, role_arn=role, caller_role_arn=caller)
        self.stacks.append(stack)
        return stack

    def _operation(self, stack: Stack, specification: Specification) -> StackOperation:
        return StackOperation(self.handler(stack, specification), lambda other: self.handler(stack, other))

    def _start(self, stack: Stack, work: Callable[[], None]) -> None:
        stack.operation = threading.Thread(target=work, name=f"stack-{stack.name}", daemon=True)
        stack.operation.start()

    def update_stack(self, request: Request, caller: str | None) -> str:
        """Start updating a stack and return its id."""
        with self._lock:
            stack = self.stack(request["StackName"])
            if self._repeated("update", stack.name, request):
                return stack.id
            if stack.status not in _UPDATABLE:
                raise ValidationError(f"Stack:{stack.id} is in {stack.status} state and can not be updated.")
            target = self._specification(request, stack, caller)
            role_arn = self._role(request)
            if policy := request.get("StackPolicyBody"):
                check_policy_body(policy)
                stack.policy = policy
            if not self._differs(stack, target, plan_changes(stack, target, self.handler(stack, target))):
                raise ValidationError("No updates are to be performed.")
            self._remember("update", stack.name, request, stack)
            self._begin_update(stack, target, role_arn, caller, bool(request.get("DisableRollback")))
            return stack.id

    @staticmethod
    def _differs(stack: Stack, target: Specification, changes: list[Any]) -> bool:
        assert stack.specification is not None
        return bool(changes) or stack.specification.template.outputs != target.template.outputs

    def _begin_update(
        self,
        stack: Stack,
        target: Specification,
        role_arn: str | None,
        caller: str | None,
        disable_rollback: bool,
    ) -> None:
        stack.role_arn, stack.caller_role_arn, stack.updated = role_arn or stack.role_arn, caller, now()
        stack.set_status("UPDATE_IN_PROGRESS", "User Initiated")
        operation = self._operation(stack, target)
        self._start(stack, lambda: operation.update(disable_rollback=disable_rollback))

    def continue_update_rollback(self, request: Request) -> None:
        """Try again to roll back an update whose rollback failed."""
        with self._lock:
            stack = self.stack(request["StackName"])
            if stack.status != "UPDATE_ROLLBACK_FAILED" or stack.undo is None:
                raise ValidationError(
                    f"Stack:{stack.id} is in {stack.status} state and can not be continued."
                )
            stack.role_arn = self._role(request) or stack.role_arn
            self._remember("continue", stack.name, request, stack)
            stack.set_status("UPDATE_ROLLBACK_IN_PROGRESS", "User Initiated")
            operation = self._operation(stack, stack.undo.abandoned)
            skipped = tuple(request.get("ResourcesToSkip", []))
            self._start(stack, lambda: operation.roll_back(skipped))

    def delete_stack(self, request: Request, caller: str | None) -> None:
        """Start deleting a stack; a stack that does not exist is deleted already."""
        with self._lock:
            if request.get("DeletionMode", "STANDARD") != "STANDARD":
                raise NotEmulatedError("DeletionMode FORCE_DELETE_STACK")
            stack = self._existing(request["StackName"])
            if (
                stack is None
                or stack.status == "DELETE_IN_PROGRESS"
                or self._repeated("delete", stack.name, request)
            ):
                return
            if stack.termination_protection:
                raise ValidationError(
                    f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled"
                )
            if stack.status.endswith("_IN_PROGRESS") and stack.status not in (
                "CREATE_IN_PROGRESS",
                "REVIEW_IN_PROGRESS",
            ):
                raise ValidationError(
                    f"Stack [{stack.name}] cannot be deleted while in status {stack.status}"
                )
            retained = tuple(request.get("RetainResources", []))
            if retained and stack.status != "DELETE_FAILED":
                raise ValidationError(
                    "Invalid operation on stack. RetainResources can only be specified for stacks in DELETE_FAILED state"
                )
            stack.role_arn = self._role(request) or stack.role_arn
            stack.caller_role_arn = caller
            self._remember("delete", stack.name, request, stack)
            creation = stack.operation
            stack.set_status("DELETE_IN_PROGRESS", "User Initiated")
            if stack.specification is None:
                stack.deleted = now()
                stack.set_status("DELETE_COMPLETE")
                return
            stack.cancelled.set()
            operation = self._operation(stack, stack.specification)

            def work() -> None:
                if creation:
                    creation.join()
                stack.cancelled.clear()
                operation.delete(retained)

            self._start(stack, work)

    # Change sets

    def create_change_set(self, request: Request, caller: str | None) -> ChangeSet:
        """Start making a change set; one of type CREATE makes a stack in REVIEW_IN_PROGRESS."""
        with self._lock:
            kind = request.get("ChangeSetType", "UPDATE")
            stack = self._existing(request["StackName"])
            self._check_change_set(kind, stack, request)
            specification = self._specification(request, stack if kind == "UPDATE" else None, caller)
            role_arn = self._role(request)
            if stack is None:
                stack = self._new_stack(request["StackName"], None, role_arn, caller)
                stack.token = request.get("ClientToken")
                stack.set_status("REVIEW_IN_PROGRESS", "User Initiated")
            name = request["ChangeSetName"]
            arn = f"arn:aws:cloudformation:{REGION}:{ACCOUNT_ID}:changeSet/{name}/{uuid.uuid4()}"
            change_set = ChangeSet(
                name, arn, kind, specification, role_arn, request.get("OnStackFailure"),
                request.get("Description", ""), request.get("ClientToken"),
            )  # fmt: skip
            stack.change_sets[name] = change_set
            handler = self.handler(stack, specification)
            threading.Thread(target=self._plan, args=(stack, change_set, handler), daemon=True).start()
            return change_set

    def _check_change_set(self, kind: str, stack: Stack | None, request: Request) -> None:
        name = request["StackName"]
        if kind not in ("CREATE", "UPDATE"):
            raise NotEmulatedError(f"change sets of type {kind}")
        if kind == "CREATE" and stack and stack.status != "REVIEW_IN_PROGRESS":
            raise AlreadyExistsError(
                f"Stack [{name}] already exists and cannot be created again with the changeSet [{request['ChangeSetName']}]."
            )
        if kind == "UPDATE" and stack is None:
            raise ValidationError(f"Stack [{name}] does not exist")
        if kind == "UPDATE" and stack and stack.status not in _UPDATABLE:
            raise ValidationError(f"Stack:{stack.id} is in {stack.status} state and can not be updated.")
        if kind == "UPDATE" and request.get("OnStackFailure") == "DELETE":
            raise ValidationError("OnStackFailure DELETE is only valid for change sets of type CREATE")
        if stack and request["ChangeSetName"] in stack.change_sets:
            raise AlreadyExistsError(f"ChangeSet {request['ChangeSetName']} already exists")

    def _plan(self, stack: Stack, change_set: ChangeSet, handler: ResourceHandler) -> None:
        change_set.status = "CREATE_IN_PROGRESS"
        self.world.sleep(3)
        try:
            change_set.changes = plan_changes(stack, change_set.target, handler)
        except Exception as error:
            change_set.status, change_set.reason = "FAILED", str(error)
            return
        if change_set.type == "UPDATE" and not self._differs(stack, change_set.target, change_set.changes):
            change_set.status, change_set.reason = "FAILED", NO_CHANGES
            return
        change_set.execution_status = "AVAILABLE"
        change_set.status = "CREATE_COMPLETE"

    def execute_change_set(self, request: Request, caller: str | None) -> None:
        """Start the operation that a change set describes."""
        with self._lock:
            stack, change_set = self.change_set(request)
            if self._repeated("execute", stack.name, request):
                return
            if change_set.execution_status != "AVAILABLE":
                raise InvalidChangeSetStatusError(
                    f"ChangeSet [{change_set.id}] cannot be executed in its current status of [{change_set.status}]"
                )
            if change_set.on_failure and "DisableRollback" in request:
                raise ValidationError("Only one of OnStackFailure and DisableRollback can be specified")
            self._remember("execute", stack.name, request, stack)
            keep = request.get("DisableRollback") or change_set.on_failure == "DO_NOTHING"
            change_set.execution_status = "EXECUTE_COMPLETE"
            # Other change sets were made against what is no longer there.
            stack.change_sets = {change_set.name: change_set}
            if change_set.type == "UPDATE":
                self._begin_update(stack, change_set.target, change_set.role_arn, caller, bool(keep))
                return
            stack.specification, stack.role_arn = change_set.target, change_set.role_arn
            stack.caller_role_arn = caller
            stack.on_failure = "DO_NOTHING" if keep else change_set.on_failure or "ROLLBACK"
            stack.set_status("CREATE_IN_PROGRESS", "User Initiated")
            self._start(stack, self._operation(stack, change_set.target).create)

    def delete_change_set(self, request: Request) -> None:
        """Forget a change set. The stack of a CREATE change set stays in REVIEW_IN_PROGRESS."""
        with self._lock:
            stack, change_set = self.change_set(request)
            stack.change_sets.pop(change_set.name)

    def set_stack_policy(self, request: Request) -> None:
        """Set the policy that updates of the stack must keep to."""
        if "StackPolicyURL" in request:
            raise NotEmulatedError("the parameter StackPolicyURL")
        check_policy_body(request["StackPolicyBody"])
        self.stack(request["StackName"]).policy = request["StackPolicyBody"]


def _trusts_cloudformation(document: Any) -> bool:
    document = json.loads(unquote(document)) if isinstance(document, str) else document
    for statement in document["Statement"]:
        services = statement.get("Principal", {}).get("Service", [])
        actions = statement.get("Action", [])
        trusted = "cloudformation.amazonaws.com" in ([services] if isinstance(services, str) else services)
        allowed = "sts:AssumeRole" in ([actions] if isinstance(actions, str) else actions)
        if statement["Effect"] == "Allow" and trusted and allowed:
            return True
    return False


def _s3_location(url: str) -> tuple[str, str]:
    """Bucket and key of an S3 URL, virtual-hosted (`bucket.s3.region...`) or path style, or `s3://`-less https."""
    parts = urlparse(url)
    host, path = parts.netloc, unquote(parts.path.lstrip("/"))
    if parts.scheme == "https" and host.endswith(".amazonaws.com"):
        if host.startswith(("s3.", "s3-")):
            bucket, _, key = path.partition("/")
            return bucket, key
        for marker in (".s3.", ".s3-"):
            if marker in host:
                return host.partition(marker)[0], path
    raise ValidationError("TemplateURL must be a supported URL.")
