"""STS, which gives credentials of a role only to those whom the role trusts."""
