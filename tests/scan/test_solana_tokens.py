"""With `tokens = "held"` an amount is the sum over all token accounts of an owner, by two calls an owner."""

from pathlib import Path

import msgspec

from hdscan.app import Wallet
from hdscan.app.demo import Verdict, compare
from hdscan.model.chain import Asset
from hdscan.sim.chains import SOL
from hdscan.sim.faults import Fault, always
from hdscan.sim.host import HostSpec
from tests.scan.stage import Stage, host, played, stage

SPREAD = (msgspec.structs.replace(SOL, auxiliary=True),)
SPAM = Asset("sol", "SPAM", 6, "2b1kV6DkPAnxd5ixfnxCpjxmKwqjjaYmCZfHsFu24GXo")
MORE = (msgspec.structs.replace(SPREAD[0], assets=(*SOL.assets, SPAM)),)
BOTH = ("solana-rpc", "solana-tokens")


def held(name: str, **changes: object) -> HostSpec:
    return host(name, "sol", protocols=BOTH, **changes)


@played
async def test_auxiliary_accounts_are_added(tmp_path: Path) -> None:
    async with stage(tmp_path, (held("a"), held("b")), played_chains=SPREAD, addresses=60, chunk=60) as on:
        await on.scan()
        on.assert_all_true()
        calls = [e for name in "ab" for e in on.log(name) if "getTokenAccountsByOwner" in e.methods]
        assert calls
        assert max(entry.items for entry in calls) == 40
        assert not [e for name in "ab" for e in on.log(name) if "getMultipleAccounts" in e.methods and _tokens(e.asks)]


def _tokens(asks: object) -> list[str]:
    assert isinstance(asks, tuple)
    return [symbol for _, symbol in asks if symbol != "SOL"]


@played
async def test_associated_accounts_alone_are_less(tmp_path: Path) -> None:
    async with stage(tmp_path, (host("a", "sol"), host("b", "sol")), played_chains=SPREAD, addresses=20) as on:
        await on.scan()
        verdicts = compare(on.world["sol"].truth(), on.wallet.balances("sol"))
        assert verdicts[Verdict.WRONG] > 5


@played
async def test_an_owner_takes_two_calls_whatever_the_number_of_tokens_and_no_rate_is_exceeded(tmp_path: Path) -> None:
    async with stage(tmp_path, (held("lone", rate=20.0, cost="item"),), played_chains=SPREAD, addresses=30) as on:
        await on.scan()
        on.assert_all_true()
        calls = [entry for entry in on.log("lone") if "getTokenAccountsByOwner" in entry.methods]
        asked = [ask for entry in calls for ask in entry.asks]
        assert len(asked) == len(set(asked)) == 30 * 2
        assert len(calls) == 3, "a call is filled with owners, whatever the number of their tokens"
        assert sum(entry.items for entry in calls) == 30 * 2
        assert max(entry.items for entry in calls) <= 20


@played
async def test_accounts_of_another_owner_are_no_answer(tmp_path: Path) -> None:
    faults = {"shifts": [always(Fault.SHIFTED_LIST, method="getTokenAccountsByOwner")]}
    async with stage(tmp_path, (held("shifts"), held("b")), played_chains=SPREAD, faults=faults, addresses=40) as on:
        await on.scan()
        on.assert_all_true()
        assert [e for e in on.log("shifts") if e.answered == "shifted_list"]
        assert "another owner" in (on.provider("shifts/solana-tokens").last_error or "")


@played
async def test_accounts_that_a_host_leaves_out_are_contradicted_by_a_second_one(tmp_path: Path) -> None:
    faults = {"short": [always(Fault.SHORT_LIST, method="getTokenAccountsByOwner")]}
    hosts = (held("short"), held("b"), held("c"))
    async with stage(tmp_path, hosts, played_chains=SPREAD, faults=faults, addresses=20) as on:
        await on.scan()
        verdicts = compare(on.world["sol"].truth(), on.wallet.balances("sol"))
        assert verdicts[Verdict.WRONG] == 0


def _listing_less(on: Stage) -> Stage:
    """The same wallet, in whose configuration a token of the world is not listed."""
    settings = on.wallet.settings
    return Stage(on.city, Wallet(msgspec.structs.replace(settings, assets={**settings.assets, "sol": SOL.assets})))


def _spam(on: Stage) -> dict[str, str]:
    return {row.address: str(row.amounts["SPAM"]) for row in on.world["sol"].truth() if row.amounts["SPAM"]}


def _unlisted(on: Stage) -> dict[str, str]:
    rows = list(on.wallet.unlisted())
    assert {row.contract for row in rows} <= {SPAM.contract}
    return {row.address: row.amount for row in rows}


@played
async def test_tokens_that_are_not_listed_are_found_and_those_that_are_gone_leave(tmp_path: Path) -> None:
    async with stage(tmp_path, (held("a"), held("b")), played_chains=MORE, addresses=40) as on:
        with (less := _listing_less(on)).wallet:
            await less.scan()
            before = _unlisted(less)
            assert before == _spam(on)
            assert {row.asset for row in less.wallet.balances("sol")} == {"SOL", "USDC", "USDT"}
            row = next(less.wallet.unlisted("sol"))
            assert row.source in ("a/solana-tokens", "b/solana-tokens")
            assert row.height is not None
            on.world.move(0.5)
            await less.scan()
            after = _unlisted(less)
            assert after == _spam(on)
            assert before.keys() - after.keys(), "something is gone"
            on.world.move(0.5, 2)
            on.city.set_faults({name: (always(Fault.TOKENS_FAIL),) for name in "ab"})
            await less.scan()
            assert less.result.chains["sol"].unread
            assert _unlisted(less) == after, "a failed reading takes nothing away"


@played
async def test_a_listed_token_is_none_of_them_whatever_the_scan_asks_for(tmp_path: Path) -> None:
    async with stage(tmp_path, (held("a"), held("b")), played_chains=MORE, addresses=20) as on:
        await on.scan()
        with (less := _listing_less(on)).wallet:
            assert _unlisted(less) == {}, "it was listed when it was read"
        await on.scan(assets=("SOL", "USDC"))
        assert _unlisted(on) == {}
