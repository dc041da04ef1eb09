"""A wallet's scan at its seams: what ends while something else is being written, what is counted, and what is said of it."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from hdscan.app import ScanRequest, Wallet, configure
from hdscan.app.scanning import steady_clock
from hdscan.model.errors import InputError, StoreError
from hdscan.model.events import ProviderChanged, ScanComplete, ScanState
from hdscan.model.scan import BalanceState, Status
from hdscan.sim.faults import Fault, always
from hdscan.store import Store
from tests.scan.stage import BSC, BTC, Stage, ends, errors, multicall, of, played, stage, token_errors


def execute(on: Stage, statement: str) -> None:
    """Do to the database what no wallet would."""
    with closing(sqlite3.connect(on.wallet.settings.db.removeprefix("sqlite:///"), isolation_level=None)) as connection:
        connection.execute(statement)


@pytest.mark.parametrize("good", range(4, 8))
@played
async def test_what_the_last_provider_said_is_taken_back_when_it_serves_another_chain(tmp_path: Path, good: int) -> None:
    lies = {"liar": [always(Fault.WRONG_CHAIN, first=good)]}
    async with stage(tmp_path, (multicall("liar"),), faults=lies, addresses=300) as on:
        events = await on.scan()
        assert on.result.status is Status.FAILED, "nobody is left"
        assert any("liar is quarantined" in text for text in errors(events, "bsc"))
        assert {row.state for row in on.wallet.balances("bsc")} == {BalanceState.UNREAD}
        assert ends(events)["bsc"].read == 0


@played
async def test_a_retry_says_of_how_many_addresses_a_token_fails_until_it_does_no_more(tmp_path: Path) -> None:
    hosts = BSC[:2]
    async with stage(tmp_path, hosts, faults={h.name: [always(Fault.TOKENS_FAIL, token=True)] for h in hosts}) as on:
        await on.scan()
        state, *rest = await on.scan(retry=True)
        assert isinstance(state, ScanState)
        assert {error.token: error.addresses for error in state.token_errors} == {"USDC": 50, "USDT": 50}
        assert {error.addresses for error in token_errors(rest).values()} <= {50}
        on.city.set_faults("none")
        events = await on.scan(retry=True)
        assert {token: error.addresses for (_, token), error in token_errors(events).items()} == {"USDC": 0, "USDT": 0}
        on.assert_all_true()


@played
async def test_what_an_outage_costs_is_counted(tmp_path: Path) -> None:
    dead = {h.name: [always(Fault.SERVER_ERROR)] for h in BTC}
    async with stage(tmp_path, BTC, faults=dead, outage_limit=0.3) as on:
        await on.scan()
        chain = on.result.chains["btc"]
        assert (chain.status, chain.read) == (Status.FAILED, 0)
        assert chain.requests >= sum(len(on.log(h.name)) for h in BTC) > 0
        assert chain.seconds >= 0.3


@played
async def test_a_scan_that_the_database_refused_is_known_as_failed_afterwards(tmp_path: Path) -> None:
    async with stage(tmp_path, BTC) as on:
        execute(on, "CREATE TRIGGER broken BEFORE UPDATE ON chunk BEGIN SELECT RAISE(ABORT, 'no'); END")
        await on.scan()
        (record,) = on.wallet.chains()
        assert record.status is Status.FAILED
        assert "the database could not be written" in str(record.error)


@played
async def test_memory_of_another_version_is_left_aside(tmp_path: Path) -> None:
    async with stage(tmp_path, BTC) as on:
        await on.scan()
        on.wallet.store.runtime.save(dict.fromkeys(on.wallet.store.runtime.load(), b'{"of": "another version"}'))
        with capture_logs() as logs:
            await on.scan()
        on.assert_all_true()
        assert {log["event"] for log in logs} == {"memory_not_understood"}


@played
async def test_the_end_of_a_chain_is_the_last_that_is_said(tmp_path: Path) -> None:
    async with stage(tmp_path, BTC) as on:
        events = await on.scan()
        changed = [event.name for event in of(events, ProviderChanged)]
        assert set(changed) == {"btc-a", "btc-b"}, "they were unused, and are ready"
        assert isinstance(events[-1], ScanComplete)


@played
async def test_a_scan_of_one_wallet_reads_its_addresses_alone(tmp_path: Path) -> None:
    async with stage(tmp_path, BTC) as on:
        few = [on.world["btc"].address(index) for index in (3, 4, 20)]
        await on.wallet.add(few, name="few")
        plan = on.wallet.plan(ScanRequest(wallets=("few",)))
        assert (plan.addresses, plan.chains[0].readings) == (3, 3)
        await on.scan(wallets=("few",))
        assert {row.address for row in on.wallet.balances() if row.amount is not None} == set(few)
        assert on.result.chains["btc"].addresses == 3
        with pytest.raises(InputError, match="there is no wallet 'many'"):
            await on.scan(wallets=("many",))
        await on.scan()
        on.assert_all_true()


@played
async def test_reports_are_of_one_wallet_or_of_all_and_an_address_of_two_counts_once(tmp_path: Path) -> None:
    async with stage(tmp_path, BTC, faults={each.name: [always(Fault.SERVER_ERROR)] for each in BTC}, outage_limit=0.1) as on:
        await on.scan()
        on.city.set_faults("none")
        few = [on.world["btc"].address(index) for index in (3, 4, 20)]
        await on.wallet.add(few, name="few")
        await on.scan(wallets=("few",))
        assert [total.read for total in on.wallet.totals(wallet="few")] == [3]
        assert [(total.addresses, total.read) for total in on.wallet.totals("btc")] == [(50, 3)]
        assert {row.wallets for row in on.wallet.balances(wallet="few")} == {("btc addresses", "few")}
        assert [row.address for row in on.wallet.balances(wallet="few")] == few
        assert {each.balance.address for each in on.wallet.explain(few[0], wallet="few")} == {few[0]}
        with pytest.raises(InputError, match="the wallet 'few' does not have this address"):
            on.wallet.explain(on.world["btc"].address(0), wallet="few")
        for report in (on.wallet.balances, on.wallet.totals, on.wallet.gaps, on.wallet.unlisted):
            with pytest.raises(InputError, match="there is no wallet 'many'"):
                list(report(wallet="many"))


def test_the_clock_of_a_wallet_goes_on_while_the_machine_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter([100.0, 100.0 + 8 * 3600])
    monkeypatch.setattr(time, "CLOCK_BOOTTIME", 7, raising=False)
    monkeypatch.setattr(time, "clock_gettime", lambda which: next(ticks) if which == 7 else 0.0, raising=False)
    began = time.time()
    assert 8 * 3600 <= steady_clock()() - began < 8 * 3600 + 60


def test_a_wallet_that_cannot_be_opened_gives_its_database_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise StoreError("the disk is full")

    def closing_store(store: Store) -> None:
        closed.append(store)
        close(store)

    closed: list[Store] = []
    close = Store.close
    monkeypatch.setattr(Store, "register", refused)
    monkeypatch.setattr(Store, "close", closing_store)
    with pytest.raises(StoreError):
        Wallet(configure(f"sqlite:///{tmp_path}/wallet.db"))
    assert len(closed) == 1


ENDPOINT = '[[endpoint]]\nname = "{0}"\nchain = "sol"\nprotocol = "solana-rpc"\nurl = "https://{0}.example"\nrate = 1\n{1}\n'


@pytest.mark.parametrize(
    ("endpoints", "alone"),
    [
        ([""], "it"),
        (['operator = "Acme"', 'operator = "ACME"'], "it"),
        (["", "batch = 1"], "its USDC and USDT"),  # a call of one key holds no token's
        (["", ""], None),
        (["trusted = true"], None),
    ],
)
def test_a_wallet_knows_where_nobody_can_contradict_an_operator(
    tmp_path: Path, endpoints: list[str], alone: str | None
) -> None:
    toml = tmp_path / "hdscan.toml"
    toml.write_text("".join(ENDPOINT.format(f"host{number}", more) for number, more in enumerate(endpoints)))
    words = None if alone is None else f"one operator alone serves {alone}, so nobody can contradict it"
    with Wallet(configure(f"sqlite:///{tmp_path / 'wallet.db'}", toml)) as wallet:
        assert wallet.unchallenged("sol") == words
