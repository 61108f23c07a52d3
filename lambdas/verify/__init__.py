"""Verify that the stack's resources keep the promises of the product."""
