"""BDK: another wallet, beside which discovery is held."""

import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import msgspec

from hdscan.model.wallet import Role
from tests.nodes.process import NODES

Place = tuple[Role, int]  # a branch and a position in it


class Discovered(msgspec.Struct, frozen=True):
    """What a wallet found: used addresses, the last one of every branch, and satoshi, confirmed and waiting."""

    used: frozenset[Place]
    last: Mapping[Role, int | None]
    satoshi: int


def library() -> Any:
    """BDK's bindings."""
    sys.path.append(str(NODES / "libraries"))
    try:
        return import_module("bdkpython")
    finally:
        sys.path.remove(str(NODES / "libraries"))


def full_scan(client: Any, descriptors: Mapping[Role, str], gap: int, at_once: int, *fetch: bool) -> Discovered:
    """Let BDK look for what is used of a wallet on regtest; `fetch` is Electrum's own option."""
    bdk = library()
    keys = {Role.RECEIVE: bdk.KeychainKind.EXTERNAL, Role.CHANGE: bdk.KeychainKind.INTERNAL}
    parsed = [bdk.Descriptor(descriptors[role], bdk.NetworkKind.TEST) for role in keys]
    wallet = bdk.Wallet(*parsed, bdk.Network.REGTEST, bdk.Persister.new_in_memory())
    wallet.apply_update(client.full_scan(wallet.start_full_scan().build(), gap, at_once, *fetch))
    roles = {key: role for role, key in keys.items()}
    outputs = wallet.list_output()  # those that are spent, too
    used = frozenset((roles[each.keychain], each.derivation_index) for each in outputs)
    last = {role: max((at for where, at in used if where is role), default=None) for role in Role}
    return Discovered(used, last, wallet.balance().total.to_sat())
