"""Bring the subscriptions of the alert topic in line with the ops emails."""
