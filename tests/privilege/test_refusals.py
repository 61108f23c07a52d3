"""If a role lacks one permission, the operation fails and the user reads which one."""

import pytest

from tests.privilege.life import Lives, reason, without

EXECUTION_ROLE, LAUNCH_ROLE = "TapStackExecution", "SCLaunch-TapStack"


@pytest.mark.parametrize(
    ("role", "action"),
    [
        (LAUNCH_ROLE, "s3:GetObject"),  # Validate inputs
        (LAUNCH_ROLE, "cloudformation:ExecuteChangeSet"),  # Apply changes
        (EXECUTION_ROLE, "kms:TagResource"),  # Wait for stack; needed besides kms:CreateKey
    ],
)
def test_a_launch_that_lacks_a_permission_fails_and_names_it(lived: Lives, role: str, action: str) -> None:
    with without(lived.cloud, role, action):
        record = lived.provision("refused", EnvironmentSuffix="refused", OpsEmails="a@example.com")
    assert record["Status"] == "FAILED"
    assert action in reason(record)
    ended = lived.terminate(record["ProvisionedProductId"])
    assert ended["Status"] == "SUCCEEDED", reason(ended)
