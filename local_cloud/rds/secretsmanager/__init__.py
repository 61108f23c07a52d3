"""Secrets Manager, as far as RDS keeps passwords in it."""
