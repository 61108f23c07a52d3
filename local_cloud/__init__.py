"""AWS on one machine: see README.md."""

from .server.descriptions import read_fast

read_fast()  # before anything imports moto, which reads descriptions while it is imported
