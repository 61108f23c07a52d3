"""One class for each fact that ends an operation. The message is what the user reads.

Service Catalog shows this one string and nothing else, so every message names the cause and what to do.
Step Functions matches the class name in Retry and Catch.
"""


class EngineError(Exception):
    """A failure that the engine foresees. `report` passes its message on, but no details of other errors."""


class MessageInvalidError(EngineError):
    """Service Catalog's message lacks something that the operation needs, or is malformed."""


class RecordNotFoundError(EngineError):
    """Service Catalog shows no such record. Retried for ten minutes, then kept for a person."""


class RecordMismatchError(EngineError):
    """The record has ended, or is of another operation. Kept for a person; nobody is answered."""


class LaunchRoleForeignError(EngineError):
    """The message names another launch role than its record, or a launch role of another account."""


class LaunchRoleDeniedError(EngineError):
    """The launch role's trust policy does not let the engine in."""


class PermissionMissingError(EngineError):
    """A role lacks a permission; the message names the action."""


class ThrottledError(EngineError):
    """AWS is throttling or briefly unavailable, and the SDK's own retries are used up. Worth another try."""


class AWSFailedError(EngineError):
    """AWS answers a call that begins a stack operation with an internal error. Worth a few tries."""


class AWSRefusedError(EngineError):
    """AWS refused a call; only its own words say why."""


class ArtifactDeniedError(EngineError):
    """The role may not read the artifact."""


class ArtifactMissingError(EngineError):
    """There is no object at the artifact's path."""


class ArtifactInvalidError(EngineError):
    """The artifact is not a CloudFormation template in JSON."""


class ArtifactNotReleasedError(EngineError):
    """The platform team has released no artifact with these bytes."""


class TemplateUnsuitableError(EngineError):
    """The artifact is a template, but not one of this product."""


class RolesOutdatedError(EngineError):
    """The version needs newer roles than the account has."""


class InvalidInputsError(EngineError):
    """The inputs break rules; the message lists all of them."""


class StackBusyError(EngineError):
    """Another operation is changing the stack."""


class StackUnusableError(EngineError):
    """CloudFormation can't update the stack in its status."""


class StackDeletedError(EngineError):
    """Somebody deleted the launched stack, and the database with it."""


class RollbackInProgressError(EngineError):
    """CloudFormation is rolling an earlier update back. Polling: raised until the stack has come to rest."""


class RollbackFailedError(EngineError):
    """The rollback of an earlier update failed again after the engine continued it; the message says why."""


class DatabaseNotModifiableError(EngineError):
    """RDS does not make the planned changes in the DB instance's status."""


class UnaskedChangesError(EngineError):
    """The update would also apply the DB instance's pending changes, or undo what somebody set by hand."""


class DeletionBlockedError(EngineError):
    """AWS would refuse to delete parts of the stack; the message lists the reasons."""


class ChangeSetInProgressError(EngineError):
    """CloudFormation is still creating the change set. Polling: raised until it is ready."""


class ChangeSetFailedError(EngineError):
    """CloudFormation can't create the change set."""


class DataLossError(EngineError):
    """The changes would replace or remove a resource that holds data."""


class SnapshotInProgressError(EngineError):
    """RDS is still taking a snapshot. Polling: raised until it is available, or can be deleted."""


class SnapshotFailedError(EngineError):
    """RDS could not take the snapshot before a major version upgrade; nothing was changed."""


class StackInProgressError(EngineError):
    """The stack operation is under way. Polling: raised until the stack has come to rest."""


class StackFailedError(EngineError):
    """The stack operation failed and the stack has come to rest; the message names the causes."""


class PromiseBrokenError(EngineError):
    """The stack's resources break promises of the product; the message lists all of them."""


class OutputMissingError(EngineError):
    """The stack lacks an output that the engine needs."""


# Service Catalog reads these names from the function's errorType.
class ParserInvalidParameterException(EngineError):  # noqa: N818
    """The request or the artifact is wrong."""


class ParserAccessDeniedException(EngineError):  # noqa: N818
    """The engine may not assume the launch role, or the role may not read the artifact."""
