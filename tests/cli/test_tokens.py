"""`hdscan tokens` as its users run it: what operators agree on comes into hdscan.toml, and nothing else does."""

import stat
from collections.abc import Callable

import msgspec
import pytest
from solders.pubkey import Pubkey

from hdscan.app import Wallet, configure
from hdscan.chains.keccak import checksummed
from hdscan.model.chain import Asset
from hdscan.sim.chains import BSC as PLAYED_BSC
from hdscan.sim.chains import BSC_TOKENS, SOL, evm_chain
from hdscan.sim.faults import Fault, always
from hdscan.sim.host import HostSpec
from hdscan.sim.process import Config
from tests.cli.conftest import BSC, Hdscan, Simulated

DOGE, BRIDGED, LOOKALIKE, NOTHING = (checksummed(f"{digit}" * 40) for digit in "abc9")
TOKENS = BSC_TOKENS | {"DOGE": (DOGE, 8), "USDC2": (BRIDGED, 6), "LOOK": (LOOKALIKE, 18)}
PLAYED = msgspec.structs.replace(
    evm_chain(56, "bsc", "BNB", TOKENS, 0.45),
    burnt=PLAYED_BSC.burnt,
    contracts={"USDC2": ("USDC", 6), "LOOK": ("USD₮", 18)},
)
OTHER = msgspec.structs.replace(BSC, name="other", protocols=("evm-multicall",))
PYUSD = "2b1kV6DkPAnxd5ixfnxCpjxmKwqjjaYmCZfHsFu24GXo"
PLAYED_SOL = msgspec.structs.replace(SOL, assets=(*SOL.assets, Asset("sol", "PYUSD", 6, PYUSD)))
COMMENTS = "\n# my own notes    \n[[canary]] # mine\nchain='bsc'\naddress   =   '0x000000000000000000000000000000000000dEaD'\n"
ROW = f'\n[[token]]\nchain = "bsc"\nnetwork = "mainnet"\nsymbol = "DOGE"\ncontract = "{DOGE}"\ndecimals = 8\n'

Simulate = Callable[..., Simulated]


def begin(simulate: Simulate, *hosts: HostSpec, **members: object) -> Simulated:
    """Two operators of BSC, whose contracts are more than hdscan knows."""
    return simulate(*(hosts or (BSC, OTHER)), **{"chains": (PLAYED, PLAYED_SOL), "addresses": 10} | members)


def written(hdscan: Hdscan) -> str:
    return (hdscan.home / "hdscan.toml").read_text()


def refused(hdscan: Hdscan, *arguments: str, code: int = 2) -> str:
    """The sentence of a call that adds nothing."""
    before = written(hdscan)
    done = hdscan("tokens", "add", *arguments)
    assert done.code == code, done
    assert done.out == ""
    assert done.err.count("\n") == 1
    assert written(hdscan) == before
    return done.err


def test_a_token_is_proved_and_written_and_the_next_scan_reads_it(hdscan: Hdscan, simulate: Simulate) -> None:
    simulated = begin(simulate, funded=0.5)
    path = hdscan.home / "hdscan.toml"
    path.write_text(before := written(hdscan) + COMMENTS)
    path.chmod(0o640)
    said = hdscan.ok("tokens", "add", "--chain", "bsc", DOGE.lower())
    assert said.startswith("added DOGE of bsc with 8 decimals, by 127.0.0.1:")
    assert said.endswith(f"to {path}\n")
    assert written(hdscan) == before + ROW
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    hdscan.ok("scan")
    held = {each["address"]: each["amount"] for each in hdscan.lines("balances", "--asset", "doge", "--jsonl")}
    assert held == {row.address: str(row.amounts["DOGE"]) for row in simulated.world["bsc"].truth()}

    assert (
        hdscan.ok("tokens", "add", "--chain", "bsc", DOGE) == f"DOGE of bsc is listed already ({path}); nothing was written\n"
    )
    assert hdscan.ok("tokens", "remove", "--chain", "bsc", "doge") == f"removed DOGE of bsc ({DOGE}) from {path}\n"
    assert written(hdscan) == before


def test_tokens_are_listed_with_where_they_are_from(hdscan: Hdscan) -> None:
    path = hdscan.home / "hdscan.toml"
    path.write_text(ROW.replace("DOGE", "=DOGE") + ROW.replace("DOGE", "USDC"))
    path.write_text(ROW)
    rows = {(row["chain"], row["symbol"]): row for row in hdscan.lines("tokens", "--jsonl")}
    assert rows["bsc", "DOGE"] == {
        **{"chain": "bsc", "symbol": "DOGE", "contract": DOGE, "decimals": 8, "onchain_symbol": None},
        "source": str(path),
    }
    assert rows["bsc", "USDC"]["source"] == "built in"
    assert hdscan.json("tokens", "--json", "--chain", "sol") == [row for (chain, _), row in rows.items() if chain == "sol"]
    assert f"bsc,DOGE,{DOGE},8,,{path}" in hdscan.ok("tokens", "--csv").splitlines()
    assert [line.split()[-1] for line in hdscan.ok("tokens", "--chain", "bsc").splitlines() if " DOGE " in line] == [str(path)]
    assert "There are no tokens" in hdscan.ok("tokens", "--chain", "btc")


def test_a_row_in_place_of_a_built_in_one_gives_way_to_it_again(hdscan: Hdscan) -> None:
    (hdscan.home / "hdscan.toml").write_text(ROW.replace("DOGE", "USDC"))
    said = hdscan.ok("tokens", "remove", "--chain", "bsc", DOGE)
    assert said.endswith("USDC of bsc is 0x8AC76a51cc950d9822D68b83fE1Ad97B32Cd580d again (built in)\n")


def test_one_that_is_built_in_stays(hdscan: Hdscan) -> None:
    done = hdscan("tokens", "remove", "--chain", "bsc", "usdt")
    assert done.code == 2
    assert "USDT of bsc is built in and stays" in done.err
    done = hdscan("tokens", "remove", "--chain", "bsc", "nonsense")
    assert done.code == 2
    assert "its tokens are USDC, USDT" in done.err


def test_two_contracts_of_one_symbol_never_mix(hdscan: Hdscan, simulate: Simulate) -> None:
    begin(simulate)
    why = refused(hdscan, "--chain", "bsc", BRIDGED)
    assert "USDC on bsc is the token 0x8AC76a51cc950d9822D68b83fE1Ad97B32Cd580d" in why
    assert "--symbol USDC.e" in why
    hdscan.ok("tokens", "add", "--chain", "bsc", BRIDGED, "--symbol", "USDC.e")
    assert written(hdscan).endswith(f'symbol = "USDC.e"\ncontract = "{BRIDGED}"\ndecimals = 6\nonchain_symbol = "USDC"\n')
    assert hdscan.json("scan", "--asset", "USDC.e", "--json")["status"] == "completed"
    assert "listed already as USDC.e" in refused(hdscan, "--chain", "bsc", BRIDGED, "--symbol", "USDC3")
    assert "is the chain's own coin" in refused(hdscan, "--chain", "bsc", DOGE, "--symbol", "bnb")


def test_a_symbol_that_looks_like_another_has_to_be_named_by_the_user(hdscan: Hdscan, simulate: Simulate) -> None:
    begin(simulate)
    assert 'calls itself "USD₮"' in refused(hdscan, "--chain", "bsc", LOOKALIKE)
    hdscan.ok("tokens", "add", "--chain", "bsc", LOOKALIKE, "--symbol", "USDT0")
    assert 'onchain_symbol = "USD₮"\n' in written(hdscan)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--chain", "nowhere", DOGE), "chain 'nowhere' is not configured"),
        (("--chain", "btc", DOGE), "a bitcoin chain has no tokens"),
        (("--chain", "bsc", DOGE.swapcase().replace("0X", "0x")), "the contract has a wrong EIP-55 checksum"),
        (("--chain", "bsc", DOGE[:-1]), "the contract has 39 hexadecimal digits"),
        (("--chain", "bsc", PYUSD), "the contract looks like a Solana address"),
        (("--chain", "sol", DOGE), "the contract looks like an EVM address"),
        (("--chain", "sol", PYUSD), "states no symbol; name the token with --symbol"),
        (("--chain", "bsc", DOGE, "--symbol", "two words"), "'two words' cannot be a symbol"),
        (("--chain", "bsc", BSC_TOKENS["USDC"][0], "--symbol", "X"), "listed already as USDC (built in)"),
    ],
)
def test_what_is_wrong_without_asking_anybody_is_one_sentence(hdscan: Hdscan, arguments: tuple[str, ...], why: str) -> None:
    (hdscan.home / "hdscan.toml").write_text('catalogue = "also"\n')
    assert why in refused(hdscan, *arguments)


def test_a_contract_that_is_no_token_is_refused(hdscan: Hdscan, simulate: Simulate) -> None:
    begin(simulate)
    assert f"there is no token at {NOTHING} on bsc, by 127.0.0.1:" in refused(hdscan, "--chain", "bsc", NOTHING)


def test_operators_that_contradict_each_other_are_both_named(hdscan: Hdscan, simulate: Simulate) -> None:
    begin(simulate, faults={"other": (always(Fault.OTHER_DECIMALS),)})
    why = refused(hdscan, "--chain", "bsc", DOGE)
    assert "operators contradict each other" in why
    assert 'says 8 decimals and the symbol "DOGE"; ' in why
    assert 'says 9 decimals and the symbol "DOGE"; nothing was written' in why


def test_a_host_of_another_chain_has_no_word(hdscan: Hdscan, simulate: Simulate) -> None:
    begin(simulate, faults={"other": (always(Fault.WRONG_CHAIN),)})
    why = refused(hdscan, "--chain", "bsc", DOGE)
    assert "only 127.0.0.1:" in why
    assert "serves chain" in why


def test_one_operator_is_not_enough_unless_it_is_trusted(hdscan: Hdscan, simulate: Simulate) -> None:
    begin(simulate, BSC)
    assert "a token is proved by two operators, and only 127.0.0.1:" in refused(hdscan, "--chain", "bsc", DOGE)
    path = hdscan.home / "hdscan.toml"
    path.write_text(written(hdscan).replace("[[endpoint]]\n", "[[endpoint]]\ntrusted = true\n"))
    hdscan.ok("tokens", "add", "--chain", "bsc", DOGE)
    assert written(hdscan).endswith(ROW)


def test_without_an_answer_nothing_is_written(hdscan: Hdscan, simulate: Simulate) -> None:
    begin(simulate).close()
    why = refused(hdscan, "--chain", "bsc", DOGE)
    assert "nobody could tell" in why
    assert "nothing was written" in why


def test_while_a_scan_is_running_no_rate_is_exceeded(hdscan: Hdscan, simulate: Simulate) -> None:
    begin(simulate)
    with Wallet(configure(f"sqlite:///{hdscan.database}", hdscan.home / "hdscan.toml")) as wallet, wallet.held("scan"):
        assert "scan" in refused(hdscan, "--chain", "bsc", DOGE, code=1)


def test_a_mint_is_proved_with_its_program(hdscan: Hdscan, simulate: Simulate) -> None:
    hosts = [HostSpec(name=name, chain="sol", protocols=("solana-rpc",), rate=100, burst=20, latency=0.002) for name in "ab"]
    simulated = begin(simulate, *hosts, funded=0.5)
    hdscan.ok("tokens", "add", "--chain", "sol", PYUSD, "--symbol", "PYUSD")
    hdscan.ok("scan")
    held = {each["address"]: each["amount"] for each in hdscan.lines("balances", "--asset", "PYUSD", "--jsonl")}
    assert held == {row.address: str(row.amounts["PYUSD"]) for row in simulated.world["sol"].truth()}


def test_a_chain_of_ones_own_takes_tokens_too(hdscan: Hdscan, simulate: Simulate) -> None:
    own = evm_chain(4242, "mine", "MY", {"DOGE": (DOGE, 8)})
    hosts = [msgspec.structs.replace(host, chain="mine") for host in (BSC, OTHER)]
    row = '\n[[chain]]\nid = "mine"\nfamily = "evm"\nchain_id = 4242\nsymbol = "MY"\n'
    simulated = Simulated(Config(addresses=5, hosts=tuple(hosts), chains=(own,)))
    try:
        (hdscan.home / "hdscan.toml").write_text(simulated.toml() + row)
        hdscan.ok("tokens", "add", "--chain", "mine", DOGE)
    finally:
        simulated.close()
    assert [each["symbol"] for each in hdscan.json("tokens", "--chain", "mine", "--json")] == ["DOGE"]


def test_without_a_file_the_users_own_is_made(hdscan: Hdscan, simulate: Simulate) -> None:
    begin(simulate)
    named = hdscan.home / "named.toml"
    (hdscan.home / "hdscan.toml").rename(named)
    hdscan.ok("--config", "named.toml", "tokens", "add", "--chain", "bsc", DOGE)
    assert named.read_text().endswith(ROW)
    user = hdscan.home / ".config" / "hdscan" / "hdscan.toml"
    user.parent.mkdir(parents=True)
    named.rename(user)
    assert str(user) in hdscan.ok("tokens", "add", "--chain", "bsc", BRIDGED, "--symbol", "USDC.e")
    assert "USDC.e" in user.read_text()


def test_options_of_the_list_are_none_of_its_commands(hdscan: Hdscan) -> None:
    done = hdscan("tokens", "--json", "remove", "--chain", "bsc", "X")
    assert done.code == 2
    assert "options go behind the word remove" in done.err


def test_held_tokens_are_the_sum_over_all_accounts(hdscan: Hdscan, simulate: Simulate) -> None:
    hosts = [HostSpec(name=name, chain="sol", protocols=("solana-rpc",), rate=200, burst=90, latency=0.002) for name in "ab"]
    spread = msgspec.structs.replace(SOL, auxiliary=True)
    simulated = simulate(*hosts, chains=(spread,), addresses=15, funded=0.5)
    truth = {(row.address, symbol): str(n) for row in simulated.world["sol"].truth() for symbol, n in row.amounts.items()}

    def read() -> dict[tuple[str, str], str]:
        return {(each["address"], each["asset"]): each["amount"] for each in hdscan.lines("balances", "--jsonl")}

    hdscan.ok("scan")
    assert read() != truth
    done = hdscan("scan", HDSCAN_SCAN_TOKENS="held")
    assert done.code == 0, done.err
    assert read() == truth


def test_a_plan_counts_two_calls_an_address_whatever_the_number_of_tokens(hdscan: Hdscan) -> None:
    addresses = "\n".join(str(Pubkey(number.to_bytes(32, "big"))) for number in range(1, 1001))
    hdscan.ok("add", "--chain", "sol", "-", stdin=addresses)
    (hdscan.home / "hdscan.toml").write_text('[scan]\ntokens = "held"\n')
    (chain,) = hdscan.json("plan", "--chain", "sol", "--json")["chains"]
    assert 450 < chain["seconds"] < 550, "2,000 calls at the public host's 4 a second"


def test_held_tokens_that_are_not_listed_are_shown_apart_until_they_are(hdscan: Hdscan, simulate: Simulate) -> None:
    hosts = [HostSpec(name=name, chain="sol", protocols=("solana-rpc",), rate=200, burst=90, latency=0.002) for name in "ab"]
    simulated = simulate(*hosts, chains=(PLAYED_SOL,), addresses=10, funded=0.5)
    held = {row.address: str(row.amounts["PYUSD"]) for row in simulated.world["sol"].truth() if row.amounts["PYUSD"]}
    assert hdscan.ok("balances", "--unlisted") == "No tokens are known that are not listed.\n"
    done = hdscan("scan", HDSCAN_SCAN_TOKENS="held")
    assert done.code == 0, done.err
    line = "sol: 1 unlisted token is held, in no total. See them: hdscan balances --unlisted."
    assert f"{line} List one: hdscan tokens add --chain sol MINT" in done.err
    rows = hdscan.lines("balances", "--unlisted", "--jsonl")
    assert {row["address"]: row["amount"] for row in rows} == held
    assert {(row["chain"], row["contract"], row["scan_id"], row["left_out"]) for row in rows} == {("sol", PYUSD, 1, 0)}
    assert hdscan.json("balances", "--unlisted", "--json") == rows
    assert hdscan.ok("balances", "--unlisted", "--csv").startswith("chain,index,path,address,contract,amount,height,")
    everything, alone = hdscan.ok("balances", "--chain", "sol"), hdscan.ok("balances", "--unlisted")
    assert alone.startswith("Unlisted tokens, by mint: anybody can name a token, so these are in no total")
    assert f"\n\n{alone}" in everything
    assert all(address in alone and amount in alone for address, amount in held.items())
    assert "Unlisted" not in hdscan.ok("balances", "--asset", "SOL")
    assert PYUSD not in hdscan.ok("balances", "--jsonl")
    assert "has no symbol" in hdscan("balances", "--unlisted", "--asset", "SOL").err

    hdscan.ok("tokens", "add", "--chain", "sol", PYUSD, "--symbol", "PYUSD")
    assert hdscan.ok("balances", "--unlisted", "--jsonl") == ""
