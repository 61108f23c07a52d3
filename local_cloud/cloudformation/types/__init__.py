"""The resource types: each is a line or a few in the table of its service."""

from collections.abc import Mapping

from ..provider import Provider
from .catalog import TYPES as CATALOG
from .compute import TYPES as COMPUTE
from .database import TYPES as DATABASE
from .identity import TYPES as IDENTITY
from .messaging import TYPES as MESSAGING
from .network import TYPES as NETWORK
from .storage import TYPES as STORAGE
from .watching import TYPES as WATCHING

PROVIDERS: Mapping[str, Provider] = {
    **CATALOG, **COMPUTE, **DATABASE, **IDENTITY, **MESSAGING, **NETWORK, **STORAGE, **WATCHING,
}  # fmt: skip
