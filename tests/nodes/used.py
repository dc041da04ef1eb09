"""A wallet of a node's that was used: with holes, with addresses that were emptied, and with one that lies beyond the gap."""

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hdscan.model.wallet import GAP, Role
from tests.nodes.ask import ask
from tests.nodes.bitcoin import COIN, GENESIS, Bitcoin
from tests.nodes.stage import row

REGTEST = 'network = "testnet"\n' + row(  # whose addresses begin with bcrt1
    "chain", id="btc", family="bitcoin", symbol="BTC", genesis=GENESIS, hrps=["bcrt"], p2pkh=[111], p2sh=[196], slip44=1
)
BEYOND = 15 * GAP  # unused addresses, beyond which nobody sees by reading ahead
LAST = 3000  # position that the node's wallet knows


class Used:
    """A wallet of the node's with a receiving and a change branch: what is used of them, and how far they go."""

    def __init__(self, bitcoin: Bitcoin, name: str, counts: Mapping[Role, int], holes: float = 0.1, seed: int = 14) -> None:
        chance = random.Random(seed)
        self.bitcoin, self.name = bitcoin, name
        bitcoin("createwallet", name, False, True)
        bitcoin("createwallet", f"{name}-keys")
        listed = ask(bitcoin.of(f"{name}-keys"), "listdescriptors", True)["descriptors"]
        private = {Role(role): next(_of(listed, role is Role.CHANGE)) for role in Role}
        wanted = [{"desc": desc, "range": [0, LAST], "timestamp": "now"} for desc in private.values()]
        assert all(done["success"] for done in ask(bitcoin.of(name), "importdescriptors", wanted))
        public = ask(bitcoin.of(f"{name}-keys"), "listdescriptors")["descriptors"]
        self.descriptors = {role: next(_of(public, role is Role.CHANGE)) for role in Role}
        self.addresses = {role: bitcoin("deriveaddresses", self.descriptors[role], [0, LAST]) for role in Role}
        self.used = {role: _places(chance, counts[role], holes) for role in Role}
        paid = [self.addresses[role][at] for role in Role for at in self.used[role]]
        chance.shuffle(paid)
        for first in range(0, len(paid), 500):
            bitcoin.pay({address: chance.randint(10_000, COIN) for address in paid[first : first + 500]})
            bitcoin.mine()
        for first in range(0, len(paid) // 2, 200):  # half of them are emptied again
            bitcoin.spend(paid[first : min(first + 200, len(paid) // 2)], wallet=name)
            bitcoin.mine()
        beyond = [self.addresses[role][max(self.used[role], default=-1) + BEYOND] for role in Role]
        bitcoin.pay(dict.fromkeys(beyond, 12_345))
        bitcoin.mine()

    @property
    def places(self) -> frozenset[tuple[Role, int]]:
        return frozenset((role, at) for role in Role for at in self.used[role])


def _of(listed: Sequence[Any], internal: bool) -> Iterator[str]:
    return (each["desc"] for each in listed if each["internal"] is internal and each["desc"].startswith("wpkh("))


def _places(chance: random.Random, count: int, holes: float) -> list[int]:
    """Positions with at most `GAP` - 1 unused ones between two, and once exactly so many."""
    at, found = -1, []
    for number in range(count):
        at += GAP if number == count // 2 else 1 if chance.random() >= holes else chance.randint(1, GAP)
        found.append(at)
    return found
