"""ElectrumX over bitcoind, and a client of the tests' own for it."""

import asyncio
import json
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar, Self

from hdscan.sim.certificate import certificate
from tests.nodes.bitcoin import Bitcoin
from tests.nodes.process import NODES, Node, free_port, running


class ElectrumX:
    """A server over a node."""

    def __init__(self, port: int, tls_port: int, node: Node, bitcoin: Bitcoin) -> None:
        self.port, self.tls_port = port, tls_port
        self._node = node
        self._bitcoin = bitcoin

    def ask(self, *calls: tuple[str, Sequence[Any]]) -> list[Any]:
        """The results of some calls in one batch."""
        hello = ("server.version", ["tests", ["1.4", "1.6"]])
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection, connection.makefile("rwb") as line:
            for batch in ([hello], calls):
                body = [{"jsonrpc": "2.0", "id": n, "method": m, "params": p} for n, (m, p) in enumerate(batch)]
                line.write(json.dumps(body).encode() + b"\n")
                line.flush()
                replies = {reply["id"]: reply["result"] for reply in json.loads(line.readline())}
        return [replies[n] for n in range(len(calls))]

    def until_level(self) -> None:
        """Wait until the server knows the node's last block and every transaction of the mempool that is ours."""
        self._node.until(self._level, "an ElectrumX as far as its node")

    def _level(self) -> bool | None:
        waiting = {
            script_hash(output["scriptPubKey"]["hex"]): transaction["txid"]
            for transaction in self._bitcoin.waiting()
            for output in transaction["vout"]
        }
        calls = [("blockchain.scripthash.get_mempool", [each]) for each in waiting]
        tip, *mempools = self.ask(("blockchain.headers.subscribe", []), *calls)
        known = [
            any(each["tx_hash"] == txid for each in mempool) for mempool, txid in zip(mempools, waiting.values(), strict=True)
        ]
        header = self._bitcoin("getblockheader", self._bitcoin("getbestblockhash"), False)
        return True if tip["hex"] == header and all(known) else None


@contextmanager
def electrumx(home: Path, version: str, bitcoin: Bitcoin, *, soft: int = 0, hard: int = 0) -> Iterator[ElectrumX]:
    """A server of this version, which has caught up; it slows down and hangs up at these costs of a caller, at 0 never."""
    port, tls_port, local = (free_port() for _ in range(3))
    (home / "db").mkdir(parents=True)
    for name, pem in zip(("certificate", "key"), certificate(bytes(32)), strict=True):
        (home / name).write_bytes(pem)
    environ = {
        "COIN": "Bitcoin",
        "NET": "regtest",
        "DAEMON_URL": bitcoin.url,
        "DB_DIRECTORY": str(home / "db"),
        "SERVICES": f"tcp://127.0.0.1:{port},ssl://127.0.0.1:{tls_port},rpc://127.0.0.1:{local}",
        "PEER_DISCOVERY": "off",
        "SSL_CERTFILE": str(home / "certificate"),
        "SSL_KEYFILE": str(home / "key"),
        "COST_SOFT_LIMIT": str(soft),
        "COST_HARD_LIMIT": str(hard),
        "DAEMON_POLL_INTERVAL_BLOCKS": "100",  # milliseconds, and known to 1.20 only: 1.16 looks every 5 s
        "DAEMON_POLL_INTERVAL_MEMPOOL": "100",
        "CACHE_MB": "50",
        **({"ALLOW_ROOT": "1"} if os.getuid() == 0 else {}),
    }
    binaries = NODES / f"electrumx-{version}/bin"
    with running([binaries / "python", binaries / "electrumx_server"], home, environ) as node:
        server = ElectrumX(port, tls_port, node, bitcoin)
        server.until_level()
        yield server


def script_hash(script: str) -> str:
    """How the protocol names a scriptPubKey."""
    return sha256(bytes.fromhex(script)).digest()[::-1].hex()


class Pipeline:
    """One connection with many questions under way.

    ElectrumX 1.20 holds back for up to a second what does not fill a packet of 1 KiB, so every question is a batch with
    another whose reply fills one.
    """

    _FILLER: ClassVar = {"jsonrpc": "2.0", "id": 0, "method": "blockchain.block.headers", "params": [0, 8]}

    def __init__(self, port: int) -> None:
        self._port = port
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self._number = 0

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port, limit=2**24)
        self._listener = asyncio.create_task(self._listen())
        await self.ask("server.version", "tests", ["1.4", "1.6"])
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listener.cancel()
        self._writer.close()
        await self._writer.wait_closed()

    async def ask(self, method: str, *params: Any) -> Any:
        """The result of a call."""
        self._number += 1
        answer = self._asked[self._number] = asyncio.get_running_loop().create_future()
        body = {"jsonrpc": "2.0", "id": self._number, "method": method, "params": params}
        self._writer.write(json.dumps([body, self._FILLER]).encode() + b"\n")
        return await answer

    async def _listen(self) -> None:
        while line := await self._reader.readline():
            replies = json.loads(line)
            for reply in replies if isinstance(replies, list) else ():  # anything else is news of a block
                if answer := self._asked.pop(reply["id"], None):
                    answer.set_result(reply["result"]) if "result" in reply else answer.set_exception(ValueError(str(reply)))
