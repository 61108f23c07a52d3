"""The resource types: each is a line or a few in the table of its service."""

from collections.abc import Mapping

from ..provider import Provider
from .messaging import TYPES as MESSAGING
from .network import TYPES as NETWORK

PROVIDERS: Mapping[str, Provider] = {**NETWORK, **MESSAGING}
