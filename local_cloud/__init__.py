"""AWS on one machine: see README.md."""

from .server.descriptions import read_fast

read_fast()  # before moto is imported, which reads them in passing
