"""bitcoind on regtest, with a wallet of addresses of all four scripts; scantxoutset is the word on what they hold."""

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.nodes.ask import ask, ask_all
from tests.nodes.process import NODES, free_port, running

ROOT = NODES / "bitcoin/root/usr"
LIBRARIES = ROOT / "lib/x86_64-linux-gnu"
GENESIS = "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206"  # regtest, Bitcoin Core, chainparams.cpp
SCRIPTS = ("pkh", "sh", "wpkh", "tr")
COIN = 10**8
FEE = 50_000  # satoshi, for any of the transactions here


class Bitcoin:
    """A node, its miner's wallet, and the wallet that is scanned: `addresses` of all scripts in turn."""

    def __init__(self, url: str, addresses: int) -> None:
        self.url = url
        last = addresses // len(SCRIPTS) - 1
        for name in ("miner", "keys"):
            self("createwallet", name)
        self.mine(120)
        self("createwallet", "scanned", False, True)
        private = [d["desc"] for d in ask(self.of("keys"), "listdescriptors", True)["descriptors"] if not d["internal"]]
        wanted = [{"desc": desc, "range": [0, last], "timestamp": "now"} for desc in private]
        assert all(done["success"] for done in ask(self.of("scanned"), "importdescriptors", wanted))
        public = [d["desc"] for d in ask(self.of("scanned"), "listdescriptors")["descriptors"]]
        self.descriptors = {script: next(desc for desc in public if desc.startswith(script + "(")) for script in SCRIPTS}
        derived = [self("deriveaddresses", self.descriptors[script], [0, last]) for script in SCRIPTS]
        self.addresses: list[str] = [address for several in zip(*derived, strict=True) for address in several]
        found = ask_all(url, (("validateaddress", [address]) for address in self.addresses))
        self.address_of = {each["scriptPubKey"]: each["address"] for each in found}

    def __call__(self, method: str, *params: Any) -> Any:
        return ask(self.url, method, *params)

    def of(self, wallet: str) -> str:
        """The url of a wallet of the node's."""
        return f"{self.url}/wallet/{wallet}"

    @property
    def height(self) -> int:
        return int(self("getblockcount"))

    def mine(self, blocks: int = 1, to: str | None = None) -> None:
        """Blocks that hold what waits in the mempool."""
        self("generatetoaddress", blocks, to or ask(self.of("miner"), "getnewaddress"))

    def mine_empty(self, blocks: int) -> None:
        """Blocks that hold nothing."""
        for _ in range(blocks):
            self("generateblock", ask(self.of("miner"), "getnewaddress"), [])

    def pay(self, amounts: dict[str, int]) -> None:
        """One transaction of the miner's, in satoshi."""
        ask(self.of("miner"), "sendmany", "", {to: _bitcoin(satoshi) for to, satoshi in amounts.items()})

    def spend(self, addresses: Sequence[str], change: str | None = None, wallet: str = "scanned") -> None:
        """One transaction that takes all that addresses of a wallet hold, and gives half of it to `change` if that is said."""
        coins = ask(self.of(wallet), "listunspent", 1, 9999999, addresses)
        total = sum(_satoshi(coin["amount"]) for coin in coins) - FEE
        inputs = [{"txid": coin["txid"], "vout": coin["vout"]} for coin in coins]
        outputs = [{ask(self.of("miner"), "getnewaddress"): _bitcoin(total - total // 2 if change else total)}]
        outputs += [{change: _bitcoin(total // 2)}] if change else []
        raw = self("createrawtransaction", inputs, outputs)
        signed = ask(self.of(wallet), "signrawtransactionwithwallet", raw)
        assert signed["complete"]
        self("sendrawtransaction", signed["hex"])

    def held(self) -> dict[str, tuple[int, int]]:
        """Confirmed satoshi of every address by scantxoutset, and what the mempool adds or takes by its transactions."""
        confirmed = dict.fromkeys(self.addresses, 0)
        for coin in self("scantxoutset", "start", [f"addr({address})" for address in self.addresses])["unspents"]:
            confirmed[self.address_of[coin["scriptPubKey"]]] += _satoshi(coin["amount"])
        waiting: dict[str, int] = defaultdict(int)
        for transaction in self.waiting():
            for spent in transaction["vin"]:
                output = self("getrawtransaction", spent["txid"], 1)["vout"][spent["vout"]]
                waiting[output["scriptPubKey"]["hex"]] -= _satoshi(output["value"])
            for output in transaction["vout"]:
                waiting[output["scriptPubKey"]["hex"]] += _satoshi(output["value"])
        unconfirmed = {self.address_of[script]: satoshi for script, satoshi in waiting.items() if script in self.address_of}
        return {address: (satoshi, unconfirmed.get(address, 0)) for address, satoshi in confirmed.items()}

    def used(self) -> set[str]:
        """Addresses of the wallet that occur in a transaction, of any block or of the mempool."""
        blocks = (self("getblock", self("getblockhash", height), 3) for height in range(1, self.height + 1))
        found: set[str] = set()
        for transaction in (one for block in blocks for one in block["tx"]):
            spent = [given["prevout"] for given in transaction["vin"] if "prevout" in given]
            found |= {output["scriptPubKey"]["hex"] for output in (*spent, *transaction["vout"])}
        for transaction in self.waiting():
            outputs = [self("getrawtransaction", given["txid"], 1)["vout"][given["vout"]] for given in transaction["vin"]]
            found |= {output["scriptPubKey"]["hex"] for output in (*outputs, *transaction["vout"])}
        return {self.address_of[script] for script in found if script in self.address_of}

    def waiting(self) -> list[Any]:
        """The transactions of the mempool."""
        return [self("getrawtransaction", txid, 1) for txid in self("getrawmempool")]


def _satoshi(amount: Decimal) -> int:
    return int(amount * COIN)


def _bitcoin(satoshi: int) -> str:
    return f"{satoshi // COIN}.{satoshi % COIN:08d}"


def command(home: Path, port: int, *options: str, chain: str = "regtest") -> list[str | Path]:
    """How a node is started that knows no other, with its data in the folder `home`."""
    common = [f"chain={chain}", f"datadir={home}", "listen=0", "connect=0", "dnsseed=0", f"rpcport={port}", "rpcworkqueue=512"]
    binary: list[str | Path] = [ROOT / "lib64/ld-linux-x86-64.so.2", "--library-path", LIBRARIES, ROOT / "bin/bitcoind"]
    return [*binary, *(f"-{option}" for option in (*common, *options))]


@contextmanager
def bitcoind(home: Path, addresses: int = 5000) -> Iterator[Bitcoin]:
    """A node that knows no other, with an empty wallet of so many addresses."""
    home.mkdir(parents=True)
    port = free_port()
    options = ["rpcuser=test", "rpcpassword=test", "txindex", "fallbackfee=0.0001", "unsafesqlitesync", "keypool=1"]
    with running(command(home, port, *options), home) as node:
        url = f"http://test:test@127.0.0.1:{port}"
        assert node.until(lambda: ask(url, "getblockhash", 0), "a bitcoind that answers") == GENESIS
        yield Bitcoin(url, addresses)


def fund(bitcoin: Bitcoin, funded: int = 500) -> list[str]:
    """Fund so many addresses, every script alike, and empty some of them again; those that still hold coins to be spent.

    Some hold several coins, some a coinbase that is not mature.
    """
    chance = random.Random(8)
    per_script = funded // len(SCRIPTS)
    chosen = [a for n in range(len(SCRIPTS)) for a in chance.sample(bitcoin.addresses[n :: len(SCRIPTS)], per_script)]
    chance.shuffle(chosen)
    bitcoin.pay({address: chance.randint(1000, 10 ** chance.randint(4, 9)) for address in chosen})
    bitcoin.mine()
    bitcoin.pay({address: chance.randint(1000, COIN) for address in chosen[: funded // 2]})
    for address in chosen[:8]:
        bitcoin.mine(to=address)
    emptied, kept = chosen[8:48], chosen[48:]
    bitcoin.spend(emptied)
    bitcoin.mine()
    return kept
