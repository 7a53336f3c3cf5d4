"""The resource types that the local stack knows: one short entry each, one file a family."""

from dataclasses import replace
from functools import cache

from local.provider import randoms
from local.provider.catalogue import compute, data, edge, messaging, network
from local.provider.lifecycle import Type
from local.provider.parts import Name

FAMILIES = (network, data, edge, compute, messaging)
TYPES = {token: entry for family in FAMILIES for token, entry in family.TYPES.items()}


@cache
def find(token: str) -> Type:
    """The entry of a type, with the naming rule that holds for all that say no other."""
    entry = TYPES.get(token) or randoms.TYPES.get(token)
    if entry is None:
        home = "randoms.py" if token.startswith("random:") else "catalogue/"
        raise LookupError(f"{token} is not supported: add an entry to local/provider/{home}")
    entry = replace(entry, token=token)
    if entry.naming is None and "name" in entry.schema.inputs:
        entry = replace(entry, naming=Name())
    return entry
