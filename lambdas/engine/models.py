"""The contract: what Service Catalog sends, and what the states of the workflow hand to each other.

Field names on the wire are camelCase. Unknown fields are ignored, because Service Catalog may add some.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from engine.errors import MessageInvalidError, OutputMissingError
from engine.wire import MalformedError, NonEmpty, read

Kind = Literal["PROVISION", "UPDATE", "TERMINATE"]

ROLE = r"^arn:[\w-]+:iam::\d{12}:role/[!-~]+\Z"

# Service Catalog writes UPDATE_PROVISIONED_PRODUCT where its documentation says UPDATE_PROVISION_PRODUCT.
_OPERATIONS = {"PROVISION": "PROVISION_PRODUCT", "UPDATE": "UPDATE_", "TERMINATE": "TERMINATE_"}


class Model(msgspec.Struct, frozen=True, rename="camel"):
    """Immutable, camelCase on the wire, tolerant of fields it does not know."""

    def to_json(self) -> dict[str, Any]:
        """Return the wire form."""
        document: dict[str, Any] = msgspec.to_builtins(self)
        return document


class Artifact(Model, frozen=True):
    """Service Catalog's copy of a version's file. Each request names another one: the path is no identity."""

    # `S3://` in capitals from the queues, `s3://` from the parameter parser.
    path: Annotated[str, Meta(pattern=r"^[sS]3://[\w.-]+/[^\n\ud800-\udfff]+\Z")]
    type: Literal["AWS_S3"]

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return self.path.split("/")[2]

    @property
    def key(self) -> str:
        """The object's key; it has no file extension."""
        return self.path.split("/", 3)[3]


class Parameter(Model, frozen=True):
    """A parameter of a message.

    Service Catalog does not look previous values up for external engines: where the user chose to keep one,
    the value is null, as github.com/aws-ia/terraform-aws-sce-tf-community/issues/11 found.
    """

    key: NonEmpty
    value: str | None = None


class Tag(Model, frozen=True):
    """A tag of a message. Null stands for an empty value."""

    key: NonEmpty
    value: str | None = None


class Message(Model, frozen=True):
    """The body of a queue message. A terminate message has neither artifact nor parameters nor tags."""

    operation: NonEmpty
    launch_role_arn: Annotated[str, Meta(pattern=ROLE)]
    provisioned_product_name: str = ""
    artifact: Artifact | None = None
    parameters: list[Parameter] = []
    tags: list[Tag] = []

    @property
    def template(self) -> Artifact:
        """The artifact, for operations that can't do without one.

        Raises:
            MessageInvalidError: the message has none.
        """
        if self.artifact is None:
            raise MessageInvalidError(_message_defect("Object missing required field `artifact`"))
        return self.artifact


def stack_name(provisioned_product_id: str) -> str:
    """Return the name of a product's stack; without an id, what all of them begin with."""
    return f"TapStack-{provisioned_product_id}"


class Request(Model, frozen=True, kw_only=True):
    """What every state of the workflow gets. Service Catalog's token is not in it.

    Attributes:
        confirmed: whether a person vouches for an operation of which Service Catalog shows no record.
    """

    kind: Kind
    record_id: NonEmpty
    provisioned_product_id: NonEmpty
    message: dict[str, Any]
    confirmed: bool = False

    @property
    def stack_name(self) -> str:
        """Follows from the id alone, because a terminate message carries nothing else."""
        return stack_name(self.provisioned_product_id)

    @property
    def account(self) -> str | None:
        """The account of the user: as the message says, or else that of the launch role in it."""
        match self.message:
            case {"identity": {"awsAccountId": str(account)}} if re.fullmatch(r"\d{12}", account):
                return account
            case {"launchRoleArn": str(role)} if found := re.match(r"arn:[\w-]+:iam::(\d{12}):", role):
                return found[1]
        return None

    def is_called(self, operation: str) -> bool:
        """Whether `operation` is a name of Service Catalog's for this kind of operation."""
        return operation.startswith(_OPERATIONS[self.kind])

    def read_message(self) -> Message:
        """Parse the message strictly.

        Raises:
            MessageInvalidError: a field is missing or malformed, or the operation is not what its queue is
                for.
        """
        # Service Catalog writes null for what it leaves out, lists among it.
        given = {name: value for name, value in self.message.items() if value is not None}
        try:
            message = read(given, Message)
        except MalformedError as error:
            raise MessageInvalidError(_message_defect(str(error))) from None
        if not self.is_called(message.operation):
            defect = f'operation "{message.operation}" came through the queue for {self.kind}'
            raise MessageInvalidError(_message_defect(defect))
        return message


def _message_defect(defect: str) -> str:
    return (
        f"Service Catalog's message can't be used: {defect}. Nothing was changed. Try once more; "
        "if it fails again, give this text to the platform team."
    )


class Validated(Model, frozen=True):
    """The result of `validate`. The engine version is the template's, None where it can't be known."""

    parameters: dict[str, str]
    product_version: str | None = None
    engine_version: str | None = None
    major_upgrade: bool = False


class Change(Model, frozen=True):
    """What CloudFormation would do, or has done, to one resource.

    `replacement` is True, False or Conditional, as text; what has been done is never Conditional.
    `properties` are the names of those that change, "Tags" among them. The action Leave is for what an update
    could not delete in the end; in place of properties it has the physical id and the reason.
    `settings` are those of the live DB instance before it is modified; other resources have none. What has
    been done to it has its old and new ones among `properties`.
    """

    logical_id: str
    type: str
    action: str
    replacement: str = "False"
    properties: list[str] = []
    settings: dict[str, str] = {}


class Planned(Model, frozen=True):
    """The result of `plan`. No change set: nothing to do. No stack: nothing exists."""

    stack_id: str | None
    change_set_arn: str | None = None
    changes: list[Change] = []


class Output(Model, frozen=True):
    """An output of the stack."""

    key: str
    value: str
    description: str = ""


class Subscription(Model, frozen=True):
    """An ops email and how it stands."""

    email: str
    status: str


class Failure(Model, frozen=True, rename="pascal"):
    """A caught error as Step Functions hands it on: `Cause` is the Lambda's error object in JSON."""

    error: str
    cause: str = ""


class PlanRequest(Request, frozen=True):
    """Input of `plan`."""

    parameters: dict[str, str]


class ApplyRequest(Request, frozen=True):
    """Input of `apply`."""

    stack_id: str | None
    change_set_arn: str | None


class SnapshotRequest(Request, frozen=True):
    """Input of `snapshot`. TERMINATE needs nothing but the request."""

    stack_id: str | None = None
    change_set_arn: str | None = None


class StackRequest(Request, frozen=True):
    """An operation on a stack; None if there is none."""

    stack_id: str | None


class WaitRequest(StackRequest, frozen=True):
    """Input of `wait`: the stack and what was planned for it."""

    changes: list[Change]


class Finished(Model, frozen=True):
    """The result of `wait`: what the stack gives, and what has really changed in it."""

    outputs: list[Output] = []
    changes: list[Change] = []


class VerifyRequest(StackRequest, frozen=True):
    """Input of `verify`."""

    engine_version: str | None


class SubscribeRequest(Request, frozen=True):
    """Input of `subscribe`."""

    parameters: dict[str, str]
    product_version: str | None
    outputs: list[Output]
    changes: list[Change]

    @property
    def ops_emails(self) -> list[str]:
        """The emails to subscribe, as the user wrote them."""
        return self.parameters["OpsEmails"].split(",")

    @property
    def topic_arn(self) -> str:
        """The topic that alarms go to.

        Raises:
            OutputMissingError: the template has no such output.
        """
        for output in self.outputs:
            if output.key == "AlertTopicArn":
                return output.value
        raise OutputMissingError(
            f"Stack {self.stack_name} has no output AlertTopicArn, so the ops emails could not be "
            "subscribed. Give this text to the platform team: the product version is at fault."
        )


class Answerable(Model, frozen=True):
    """What holds an operation's token. Who knows it can answer, so it does not show when this is printed."""

    token: NonEmpty
    record_id: NonEmpty

    def __repr__(self) -> str:
        return f"{type(self).__name__}(record_id={self.record_id!r})"


class Report(Answerable, frozen=True):
    """Input of `report`: the operation's one answer.

    Attributes:
        began: whether the stack may have been changed, or be changing still.
    """

    kind: Kind
    provisioned_product_id: str | None
    status: Literal["SUCCEEDED", "FAILED"]
    changes: list[Change] = []
    outputs: list[Output] = []
    subscriptions: list[Subscription] = []
    snapshot_id: str | None = None
    began: bool = False
    error: Failure | None = None
