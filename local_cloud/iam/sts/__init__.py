"""STS. It gives credentials of a role only to callers whom the role's trust policy lets in."""
