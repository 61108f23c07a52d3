"""The messages that Service Catalog sends, and the inputs and results of the workflow's states.

Field names on the wire are camelCase. The models ignore unknown fields, because Service Catalog may add some.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from engine.errors import MessageInvalidError, OutputMissingError
from engine.wire import MalformedError, NonEmpty, read

Kind = Literal["PROVISION", "UPDATE", "TERMINATE"]

TRACER_TAG = "tapstack:provisioned-product-id"

ROLE = r"^arn:[\w-]+:iam::\d{12}:role/[!-~]+\Z"

# Service Catalog writes UPDATE_PROVISIONED_PRODUCT where its documentation says UPDATE_PROVISION_PRODUCT.
_OPERATIONS = {"PROVISION": "PROVISION_PRODUCT", "UPDATE": "UPDATE_", "TERMINATE": "TERMINATE_"}


class Model(msgspec.Struct, frozen=True, rename="camel"):
    """An immutable model with camelCase names on the wire. It ignores fields that it does not know."""

    def to_json(self) -> dict[str, Any]:
        """Return the wire form."""
        document: dict[str, Any] = msgspec.to_builtins(self)
        return document


class Artifact(Model, frozen=True):
    """Service Catalog's copy of a version's file. Its path differs in each request, so it is no identity."""

    # Queue messages have `S3://` in capitals; requests of the parameter parser have `s3://`.
    path: Annotated[str, Meta(pattern=r"^[sS]3://[\w.-]+/[^\n\ud800-\udfff]+\Z")]
    type: Literal["AWS_S3"]

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return self.path.split("/")[2]

    @property
    def key(self) -> str:
        """The object's key. It has no file extension."""
        return self.path.split("/", 3)[3]


class Parameter(Model, frozen=True):
    """A parameter of a message: the name of an input and its value.

    The value is null if the user chose to keep the previous one: Service Catalog does not look it up for
    external engines (github.com/aws-ia/terraform-aws-sce-tf-community/issues/11).
    """

    key: NonEmpty
    value: str | None = None


class Tag(Model, frozen=True):
    """A tag of a message. An empty value arrives as null."""

    key: NonEmpty
    value: str | None = None


class Message(Model, frozen=True):
    """The body of a queue message. A terminate message has no artifact, no parameters and no tags."""

    operation: NonEmpty
    launch_role_arn: Annotated[str, Meta(pattern=ROLE)]
    provisioned_product_name: str = ""
    artifact: Artifact | None = None
    parameters: list[Parameter] = []
    tags: list[Tag] = []

    def require_artifact(self) -> Artifact:
        """Return the artifact.

        Raises:
            MessageInvalidError: the message has none.
        """
        if self.artifact is None:
            raise MessageInvalidError(_message_defect("Object missing required field `artifact`"))
        return self.artifact


def stack_name(provisioned_product_id: str) -> str:
    """Return the name of a provisioned product's stack; without an id, what all the names begin with."""
    return f"TapStack-{provisioned_product_id}"


class Request(Model, frozen=True, kw_only=True):
    """The input that every state of the workflow gets. It does not hold Service Catalog's token.

    Attributes:
        confirmed: whether a person vouches for the operation, although Service Catalog shows no record of it.
    """

    kind: Kind
    record_id: NonEmpty
    provisioned_product_id: NonEmpty
    message: dict[str, Any]
    confirmed: bool = False

    @property
    def stack_name(self) -> str:
        """The name of the stack, made from the id alone: a terminate message has nothing else."""
        return stack_name(self.provisioned_product_id)

    @property
    def account(self) -> str | None:
        """The account of the user: the one that the message names, or else the launch role's."""
        match self.message:
            case {"identity": {"awsAccountId": str(account)}} if re.fullmatch(r"\d{12}", account):
                return account
            case {"launchRoleArn": str(role)} if found := re.match(r"arn:[\w-]+:iam::(\d{12}):", role):
                return found[1]
        return None

    def is_called(self, operation: str) -> bool:
        """Return whether Service Catalog gives this kind of operation the name `operation`."""
        return operation.startswith(_OPERATIONS[self.kind])

    def read_message(self) -> Message:
        """Parse the message strictly.

        Raises:
            MessageInvalidError: a field is missing or malformed, or the queue is for another operation.
        """
        # Service Catalog writes null for a field that it leaves out, also for a list.
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
        f"The engine can't use Service Catalog's message: {defect}. Nothing was changed. Try once more; "
        "if it fails again, give this text to the platform team."
    )


class Validated(Model, frozen=True):
    """The result of `validate`.

    Attributes:
        engine_version: the template's EngineVersion, such as 17; None if nobody knows it before the launch.
        major_upgrade: whether the update takes the database to another major version of PostgreSQL.
    """

    parameters: dict[str, str]
    product_version: str | None = None
    engine_version: str | None = None
    major_upgrade: bool = False


class Change(Model, frozen=True):
    """A change that CloudFormation would make, or has made, to one resource.

    Attributes:
        action: CloudFormation's Add, Modify or Remove; or our Leave: an update could not delete the old
            resource.
        replacement: "True", "False" or "Conditional". A change that has been made is never Conditional.
        properties: the names of the changed properties, also "Tags" and the like. After an update of a DB
            instance, a name may have the old and the new value behind it. Leave has the physical id and the
            reason here.
        settings: the settings of the DB instance before the update. Other resources have none.
    """

    logical_id: str
    type: str
    action: str
    replacement: str = "False"
    properties: list[str] = []
    settings: dict[str, str] = {}


class Planned(Model, frozen=True):
    """The result of `plan`. No change set: nothing would change. No stack id: there is no stack."""

    stack_id: str | None
    change_set_arn: str | None = None
    changes: list[Change] = []


class Output(Model, frozen=True):
    """An output of the stack."""

    key: str
    value: str
    description: str = ""


class Subscription(Model, frozen=True):
    """An ops email and the status of its subscription."""

    email: str
    status: str


class Failure(Model, frozen=True, rename="pascal"):
    """An error that Step Functions caught. `Cause` is the function's error object in JSON."""

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
    """Input of `snapshot`. For TERMINATE, the request is enough."""

    stack_id: str | None = None
    change_set_arn: str | None = None


class StackRequest(Request, frozen=True):
    """A request with the id of the stack; None if there is no stack."""

    stack_id: str | None


class WaitRequest(StackRequest, frozen=True):
    """Input of `wait`: the stack and what was planned for it."""

    changes: list[Change]


class Finished(Model, frozen=True):
    """The result of `wait`: the stack's outputs, and the changes that CloudFormation has made."""

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
        """The ops emails, as the user wrote them."""
        return self.parameters["OpsEmails"].split(",")

    @property
    def topic_arn(self) -> str:
        """The topic that gets the alarms.

        Raises:
            OutputMissingError: the template has no such output.
        """
        for output in self.outputs:
            if output.key == "AlertTopicArn":
                return output.value
        raise OutputMissingError(
            f"Stack {self.stack_name} has no output AlertTopicArn, so the engine could not subscribe the ops "
            "emails. The product version is at fault: give this text to the platform team."
        )


class Answerable(Model, frozen=True):
    """A model with an operation's token. Whoever knows the token can answer, so `repr` leaves it out."""

    token: NonEmpty
    record_id: NonEmpty

    def __repr__(self) -> str:
        return f"{type(self).__name__}(record_id={self.record_id!r})"


class Report(Answerable, frozen=True):
    """Input of `report`: the operation's one answer.

    Attributes:
        began: whether CloudFormation may have begun to change the stack.
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
