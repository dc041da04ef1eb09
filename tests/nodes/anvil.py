"""anvil, a node of another make, whose first block holds the BSC of these tests."""

import ast
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from hdscan.chains.keccak import keccak256
from hdscan.sim.chains import BSC
from tests.nodes.ask import ask, ask_all
from tests.nodes.process import NODES, free_port, running
from tests.nodes.stage import Key

BINARY = NODES / "npm/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil"
TOKENS = {"USDC": "0x8AC76a51cc950d9822D68b83fE1Ad97B32Cd580d", "USDT": "0x55d398326f99059fF775485246999027B3197955"}
MULTICALL3 = "0xcA11bde05977b3631167028862bE2a173976CA11"
PAYER = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"  # the first of anvil's own accounts, for which it signs
ASSETS = ("BNB", *TOKENS)
WORD = 2**256 - 1


class Genesis(msgspec.Struct, frozen=True):
    """Addresses, and what they hold where it is not zero, in wei and token units."""

    addresses: Sequence[str]
    holds: Mapping[Key, int]


def make_genesis(addresses: int = 5000, funded: int = 500) -> Genesis:
    """Every mixture of assets on the funded ones, amounts of every size."""
    chance = random.Random(56)
    texts = [checksummed(chance.randbytes(20)) for _ in range(addresses)]
    holds = {}
    for number, text in enumerate(chance.sample(texts, funded)):
        for bit, asset in enumerate(ASSETS):
            if (number % 7 + 1) >> bit & 1:
                holds[text, asset] = chance.randint(1, 10 ** chance.randint(1, 27))
    fullest = next(text for text, asset in holds if asset == "USDT")
    return Genesis(texts, holds | {(fullest, "USDT"): WORD})


def checksummed(address: bytes) -> str:
    """EIP-55."""
    digits = address.hex()
    hashed = keccak256(digits.encode()).hex()
    return "0x" + "".join(c.upper() if int(h, 16) > 7 else c for c, h in zip(digits, hashed, strict=False))


def slot(address: str) -> str:
    """Where OpenZeppelin's ERC-20 (4.9) keeps the balance of an address: the mapping at slot 0."""
    return "0x" + keccak256(bytes.fromhex(address[2:]).rjust(32, b"\0") + bytes(32)).hex()


def _multicall3() -> str:
    """Multicall3's runtime as the package `multicall` has it, which is read and not run: it asks for half of web3."""
    source = (NODES / "libraries/multicall/constants.py").read_text(encoding="utf-8")
    for node in ast.parse(source).body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == "MULTICALL3_BYTECODE":
            assert isinstance(node.value, ast.Call)
            return str(ast.literal_eval(node.value.args[0]))
    raise AssertionError("the package multicall has no MULTICALL3_BYTECODE")


def _erc20() -> str:
    artifact = NODES / "npm/node_modules/@openzeppelin/contracts/build/contracts/ERC20PresetFixedSupply.json"
    return str(json.loads(artifact.read_text(encoding="utf-8"))["deployedBytecode"])


def bare_alloc(balances: Mapping[str, int]) -> dict[str, object]:
    """Accounts with these wei, and Multicall3 at its address."""
    return {a: {"balance": hex(wei)} for a, wei in balances.items()} | {MULTICALL3: {"balance": "0x0", "code": _multicall3()}}


def token_code(holders: Mapping[str, int]) -> dict[str, object]:
    """An account with OpenZeppelin's ERC-20 (18 decimals, without a symbol), and what it says of its holders."""
    storage = {slot(holder): f"0x{units:064x}" for holder, units in holders.items()}
    return {"balance": "0x0", "code": _erc20(), "storage": storage}


def _alloc(genesis: Genesis) -> dict[str, object]:
    held = {a: units for (a, asset), units in genesis.holds.items() if asset == "BNB"}
    alloc = bare_alloc(held | dict.fromkeys(BSC.burnt, 10**18))
    for asset, contract in TOKENS.items():
        holders = {a: units for (a, other), units in genesis.holds.items() if other == asset}
        alloc[contract] = token_code(holders | {PAYER: 10**30})
    return alloc


@contextmanager
def anvil(home: Path, genesis: Genesis, *options: str) -> Iterator[str]:
    """The url of a node that begins with `genesis` as chain 56."""
    with anvil_with(home, 56, _alloc(genesis), *options) as url:
        yield url


@contextmanager
def anvil_with(home: Path, chain_id: int, alloc: Mapping[str, object], *options: str) -> Iterator[str]:
    """The url of a node of a chain whose first block holds these accounts."""
    home.mkdir(parents=True)
    content = {
        "config": {"chainId": chain_id},
        "nonce": "0x0",
        "timestamp": "0x6553f100",
        "extraData": "0x",
        "gasLimit": "0x2faf080",
        "difficulty": "0x0",
        "mixHash": f"0x{0:064x}",
        "coinbase": f"0x{0:040x}",
        "alloc": alloc,
    }
    (home / "genesis.json").write_text(json.dumps(content), encoding="utf-8")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [BINARY, "--init", home / "genesis.json", "--port", str(port), "--chain-id", str(chain_id), *options]
    with running(command, home) as node:
        assert node.until(lambda: ask(url, "eth_chainId"), "an anvil that answers") == hex(chain_id)
        yield url


def stated(url: str, keys: Sequence[Key], block: int | str = "latest") -> list[int]:
    """What the node says of (address, asset) at a block: eth_getBalance, and the token's storage, past the contract's code."""
    at = block if isinstance(block, str) else hex(block)
    calls = [
        ("eth_getBalance", [address, at]) if asset == "BNB" else ("eth_getStorageAt", [TOKENS[asset], slot(address), at])
        for address, asset in keys
    ]
    return [int(result, 16) for result in ask_all(url, calls)]
