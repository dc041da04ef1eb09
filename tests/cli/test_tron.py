"""Tron by the command line: derived and imported addresses, scanned at a simulated node."""

from collections.abc import Callable

import msgspec

from hdscan.model.chain import Asset
from hdscan.sim.chains import TRON
from hdscan.sim.faults import Fault, always
from hdscan.sim.host import HostSpec
from tests.cli.conftest import Hdscan, Simulated
from tests.keys.given import vectors

NODE = HostSpec(name="grid", chain="tron", protocols=("tron-rpc",), rate=200, burst=20, latency=0.002)
MNEMONIC = vectors("accounts")["mnemonic"]
DERIVED = [address for address, _ in vectors("tron")["derived"]]
IMPORTED = "TXDk8mbtRbXeYuMNS83CfKPaYYT8XWv9Hz"
HEXADECIMAL = "41c8599111f29c1e1e061265b4af93ea1f274ad78a"  # the first derived one
HELD = {DERIVED[0]: {"TRX": 1_500_000, "USDT": 2_000_001}, IMPORTED: {"USDD": 10**18}}


def test_what_a_wallet_holds_is_read_at_derived_and_imported_addresses(
    hdscan: Hdscan, simulate: Callable[..., Simulated]
) -> None:
    simulate(NODE, chains=(TRON,), explicit={"tron": HELD})
    added = hdscan.ok("add", "--chain", "tron", "--path", "bip44", "--seed-stdin", "--count", "3", stdin=MNEMONIC)
    assert "2 addresses added on tron, 1 known already\n" in added
    file = "41e91a7411e56ce79e83570570f49b9fc35b7727c5\n" + IMPORTED
    assert "0 addresses added on tron, 2 known already\n" in hdscan.ok("add", "--chain", "tron", "-", stdin=file)
    hdscan.ok("scan", "--asset", "trx", "--asset", "usdt", "--asset", "usdd")
    rows = hdscan.lines("balances", "--jsonl")
    read = {(row["address"], row["asset"]): row["amount"] for row in rows}
    assert {read[address, asset] for address in DERIVED[1:] for asset in ("TRX", "USDT", "USDD")} == {"0"}
    assert {(a, s): int(read[a, s]) for a, held in HELD.items() for s in held} == {
        (a, s): units for a, held in HELD.items() for s, units in held.items()
    }
    assert {row["path"] for row in rows if row["address"] in DERIVED[1:]} == {"m/44'/195'/0'/0/1", "m/44'/195'/0'/0/2"}


def test_an_address_of_another_chain_is_refused_without_being_repeated(hdscan: Hdscan) -> None:
    done = hdscan("add", "--chain", "tron", "-", stdin="0xa614f803b6fd780986a42c78ec9c7f77e6ded13c")
    assert done.code == 2
    assert "looks like an EVM address where a Tron address is expected" in done.err
    assert "a614f803" not in done.err


def test_doctor_proves_the_node_and_finds_that_of_another_network(hdscan: Hdscan, simulate: Callable[..., Simulated]) -> None:
    simulated = simulate(NODE, chains=(TRON,))
    assert "✓ ok    provider grid  proves to serve tron" in hdscan("doctor").out
    simulated.set_faults({"grid": (always(Fault.WRONG_CHAIN),)})
    done = hdscan("doctor")
    assert done.code == 1
    assert "but tron is 728126428" in done.out


def test_a_token_that_two_nodes_prove_is_added_by_either_form_of_its_contract(
    hdscan: Hdscan, simulate: Callable[..., Simulated]
) -> None:
    other = msgspec.structs.replace(NODE, name="other")
    more = msgspec.structs.replace(TRON, assets=(*TRON.assets, Asset("tron", "MINE", 8, DERIVED[0])))
    simulate(NODE, other, chains=(more,))
    hdscan.ok("tokens", "add", "--chain", "tron", HEXADECIMAL)
    assert f'contract = "{DERIVED[0]}"' in (hdscan.home / "hdscan.toml").read_text()
    hdscan.ok("scan", "--asset", "mine")
    done = hdscan("tokens", "add", "--chain", "tron", DERIVED[2])
    assert done.code != 0
    assert "there is no token at" in done.err
