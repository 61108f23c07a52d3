"""Refuse wrong inputs, all of them at once, before anything is created."""
