"""Refuse wrong inputs before anything is created. One message lists all of them."""
