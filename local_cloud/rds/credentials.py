"""The master user's password, and the secret in which RDS keeps one that it manages.

Sources: RDS User Guide, "Password management with Amazon RDS and AWS Secrets Manager"; RDS API Reference,
CreateDBInstance, ModifyDBInstance and MasterUserSecret. The characters are those that public reports show, as
terraform-aws-modules/terraform-aws-rds, issue 533: a client that puts them into a URL has to encode them.
"""

from __future__ import annotations

import json
import secrets
import string
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..moto_seam import TURNS
from .exceptions import Refused
from .secretsmanager import models as secretsmanager

if TYPE_CHECKING:
    from .resources import DBInstance

_LENGTH = 28
_CHARACTERS = string.ascii_letters + string.digits + "!#$%&()*+,-.:;<=>?[]^_{|}~"


class MasterUserSecret:
    """The secret of an instance whose master password RDS manages. Its first status is "creating"."""

    def __init__(self, database: DBInstance, key: str | None) -> None:
        backend: Any = database.backend  # LocalRDS, whose module imports this one
        self._user = str(database.master_username)
        self.secret_status = "creating"
        self._secret = secretsmanager.backend().manage(
            "rds",
            f"rds!db-{uuid.uuid4()}",
            self._value(),
            rotate=lambda: backend.rotate_on_schedule(database),
            kms_key_id=key,
            description=f"The secret associated with the primary RDS DB instance: {database.arn}",
            tags=[{"Key": "aws:rds:primaryDBInstanceArn", "Value": database.arn}],
        )
        self.kms_key_id = str(backend.kms.describe_key(self._secret.kms_key_id).arn)

    @property
    def secret_arn(self) -> str:
        """The ARN of the secret."""
        return str(self._secret.arn)

    @property
    def password(self) -> str:
        """The password of version AWSCURRENT."""
        version = self._secret.versions[str(self._secret.default_version_id)]
        return str(json.loads(version["secret_string"])["password"])

    def rotate(self) -> None:
        """Have a new password in a new version. The next rotation is due a whole period later."""
        with TURNS["secretsmanager"]:
            self._secret.renew(self._value())
            self.postpone()

    def postpone(self) -> None:
        """Let the next rotation come a whole period from now."""
        secretsmanager.backend().schedule(self._secret)

    def delete_secret(self) -> None:
        """Delete the secret, as RDS does with the instance."""
        with TURNS["secretsmanager"]:
            secretsmanager.backend().remove(self._secret)

    def _value(self) -> str:
        password = "".join(secrets.choice(_CHARACTERS) for _ in range(_LENGTH))
        return json.dumps({"username": self._user, "password": password})


def check(values: Mapping[str, Any], *, managed: bool) -> None:
    """Raise Refused unless RDS changes the password as a request wants.

    Args:
        values: the request.
        managed: whether RDS manages the password until now.
    """
    password, manages = values.get("master_user_password"), values.get("manage_master_user_password")
    if values.get("rotate_master_user_password") and not managed:
        raise Refused(
            "InvalidParameterCombination",
            "You can't rotate the master user password because RDS doesn't manage it in Secrets Manager.",
        )
    if password is not None and (manages or (managed and manages is None)):
        raise Refused(
            "InvalidParameterCombination",
            "You can't specify MasterUserPassword when ManageMasterUserPassword is turned on.",
        )
    if managed and manages is False and password is None:
        raise Refused(
            "InvalidParameterCombination",
            "You must specify MasterUserPassword when you turn off ManageMasterUserPassword.",
        )
    if password is None:
        return
    if not 8 <= len(password) <= 128:
        raise Refused(
            "InvalidParameterValue",
            "The parameter MasterUserPassword is not a valid password because it is "
            + ("shorter than 8 characters." if len(password) < 8 else "longer than 128 characters."),
        )
    # The words are from pulumi/registry, issue 569.
    if any(character in '/@" ' or not "!" <= character <= "~" for character in password):
        raise Refused(
            "InvalidParameterValue",
            "The parameter MasterUserPassword is not a valid password. Only printable ASCII characters "
            "besides '/', '@', '\"', ' ' may be used.",
        )
