"""One class for each fact that ends an operation; the message is the sentence the catalog user reads.

Service Catalog shows that one string and nothing else, so every message names the cause and what to do.
The class name is what Step Functions matches in Retry and Catch.
"""


class EngineError(Exception):
    """An outcome the engine foresees. `report` passes its message on; of other errors it gives no details."""


class MessageInvalidError(EngineError):
    """Service Catalog's message lacks something the operation needs."""


class RecordNotFoundError(EngineError):
    """Service Catalog shows no such record. Asked again for ten minutes, then kept for a person."""


class RecordMismatchError(EngineError):
    """The record has ended, or is of another operation. Kept for a person; nobody is answered."""


class LaunchRoleForeignError(EngineError):
    """The message names another launch role than its record, or one of another account than its user's."""


class LaunchRoleDeniedError(EngineError):
    """The launch role's trust policy does not let the engine in."""


class PermissionMissingError(EngineError):
    """A role lacks a permission; the message names the action."""


class ThrottledError(EngineError):
    """AWS is throttling or briefly unavailable, and the SDK's own retries are used up. Worth another try."""


class AWSFailedError(EngineError):
    """A call that begins an operation of CloudFormation fails by an error of AWS's own. Worth a few tries."""


class AWSRefusedError(EngineError):
    """AWS refused a call for a reason that only its own words explain."""


class ArtifactDeniedError(EngineError):
    """The artifact may not be read with the role at hand."""


class ArtifactMissingError(EngineError):
    """No object is at the artifact's path."""


class ArtifactInvalidError(EngineError):
    """The artifact is not a CloudFormation template in JSON."""


class ArtifactNotReleasedError(EngineError):
    """The platform team has released no artifact with these bytes."""


class TemplateUnsuitableError(EngineError):
    """The artifact is a template, but not one of this product."""


class RolesOutdatedError(EngineError):
    """The version needs newer roles than the account of the launch has."""


class InvalidInputsError(EngineError):
    """The inputs break rules; the message lists every one of them."""


class StackBusyError(EngineError):
    """Another operation is changing the stack."""


class StackUnusableError(EngineError):
    """The stack is in a state that CloudFormation can't update."""


class StackDeletedError(EngineError):
    """The stack, which had been launched, was deleted, and the database with it."""


class RollbackInProgressError(EngineError):
    """An earlier update is being rolled back. Polling: raised until the stack has come to rest."""


class RollbackFailedError(EngineError):
    """The rollback of an earlier update was continued and failed again; the message names the first cause."""


class DatabaseNotModifiableError(EngineError):
    """The DB instance is in a status in which RDS does not make the planned changes."""


class UnaskedChangesError(EngineError):
    """The update would also apply what is pending for the DB instance, or undo what was set by hand."""


class DeletionBlockedError(EngineError):
    """AWS would refuse to delete parts of the stack; the message lists what stands in the way of each."""


class ChangeSetInProgressError(EngineError):
    """CloudFormation is still computing the changes. Polling: raised until they are ready."""


class ChangeSetFailedError(EngineError):
    """CloudFormation can't compute the changes."""


class DataLossError(EngineError):
    """The changes would replace or remove something that holds data."""


class SnapshotInProgressError(EngineError):
    """RDS is still taking a snapshot. Polling: raised until it is there, or can be deleted."""


class SnapshotFailedError(EngineError):
    """The snapshot that a major version upgrade needs could not be taken; nothing was changed."""


class StackInProgressError(EngineError):
    """The stack operation is under way. Polling: raised until the stack has come to rest."""


class StackFailedError(EngineError):
    """The stack operation failed and the stack has come to rest; the message names the first cause."""


class PromiseBrokenError(EngineError):
    """Live resources differ from what the product promises; the message lists every difference."""


class OutputMissingError(EngineError):
    """The stack lacks an output the engine needs."""


# The names are Service Catalog's: it reads them from the Lambda's errorType.
class ParserInvalidParameterException(EngineError):  # noqa: N818
    """The request or the artifact is wrong."""


class ParserAccessDeniedException(EngineError):  # noqa: N818
    """The launch role can't be assumed or the artifact can't be downloaded."""
