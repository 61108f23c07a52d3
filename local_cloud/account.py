"""The one account and region of a local cloud."""

ACCOUNT_ID = "123456789012"
REGION = "us-east-1"
