"""What survives: stops, failures, restarts, retries, newer scans and the database's own troubles."""

import asyncio
import resource
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from hdscan.app.demo import Verdict
from hdscan.model.errors import ScanRefused
from hdscan.model.events import Event, ScanProgress
from hdscan.model.scan import BalanceState, Status
from hdscan.scan import store_thread
from hdscan.sim.faults import Fault, Rule, always, poison
from tests.scan.stage import BTC, SOL, Stage, ends, errors, host, multicall, of, played, stage


@contextmanager
def database(on: Stage) -> Iterator[sqlite3.Connection]:
    """The wallet's database, behind the program's back."""
    connection = sqlite3.connect(on.wallet.settings.db.removeprefix("sqlite:///"), isolation_level=None)
    try:
        yield connection
    finally:
        connection.close()


def committed(on: Stage, chain: str) -> set[tuple[str, str]]:
    """The (address in lower case, asset) of the chunks that are done."""
    with database(on) as connection:
        done = connection.execute(
            "SELECT first, stop FROM chunk JOIN chain ON chain.number = chunk.chain WHERE chain.id = ? AND done_at IS NOT NULL",
            (chain,),
        ).fetchall()
    indices = [index for first, stop in done for index in range(first, stop)]
    return {(on.world[chain].address(index).lower(), symbol) for index in indices for symbol in on.symbols(chain)}


# -- resume


@played
async def test_a_stopped_scan_is_resumed_without_asking_again_what_is_committed(tmp_path: Path) -> None:
    async with stage(tmp_path, addresses=200) as on:
        events = await on.scan(on.stop_after(9))
        assert on.result.status is Status.STOPPED
        scan_id = on.result.scan_id
        before = {chain: committed(on, chain) for chain in on.result.chains}
        assert any(before.values())
        for name, end in ends(events).items():
            assert end.read == len(before[name]), "memory follows the commit"
        kept = on.verdicts()[Verdict.EXACT]
        on.city.reset()
        await on.scan()
        assert on.result.scan_id == scan_id
        assert on.result.status is Status.COMPLETED
        on.assert_all_true()
        assert kept >= sum(map(len, before.values()))
        for chain, done in before.items():
            assert not done & set(on.asked(chain))
        assert {c.read for c in on.result.chains.values()} == {200, 600}


@played
async def test_a_scan_stopped_before_its_first_reading_is_resumed(tmp_path: Path) -> None:
    async with stage(tmp_path, BTC) as on:
        await on.scan(lambda _: on.wallet.stop())
        assert on.result.status is Status.STOPPED
        await on.scan()
        on.assert_all_true()


@played
async def test_restart_begins_a_new_scan(tmp_path: Path) -> None:
    async with stage(tmp_path, BTC, addresses=100) as on:
        await on.scan(on.stop_after(3))
        stopped = on.result.scan_id
        on.city.reset()
        await on.scan(restart=True)
        assert on.result.scan_id > stopped
        assert on.result.status is Status.COMPLETED
        assert len(on.asked("btc")) == 100, "everything is asked"
        on.assert_all_true()


@played
async def test_a_scan_after_a_completed_one_is_a_new_one(tmp_path: Path) -> None:
    async with stage(tmp_path, BTC) as on:
        await on.scan()
        first = on.result.scan_id
        await on.scan()
        assert on.result.scan_id > first
        on.assert_all_true()


@played
async def test_resume_after_an_outage_goes_on_from_the_last_commit(tmp_path: Path) -> None:
    dead = [always(Fault.SERVER_ERROR, first=60)]
    async with stage(tmp_path, BTC, faults={h.name: dead for h in BTC}, addresses=200) as on:
        await on.scan()
        assert on.result.status is Status.FAILED
        before = committed(on, "btc")
        assert before
        on.city.set_faults("none")
        on.city.reset()
        await on.scan()
        assert on.result.status is Status.COMPLETED
        assert not before & set(on.asked("btc"))
        on.assert_all_true()


@played
async def test_addresses_added_meanwhile_belong_to_the_next_scan(tmp_path: Path) -> None:
    async with stage(tmp_path, BTC, addresses=100) as on:
        foreign = "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"
        await on.scan(on.stop_after(2))
        await on.add("btc", [foreign])
        await on.scan()
        assert on.result.chains["btc"].addresses == 100
        assert (foreign, "BTC") not in on.asked("btc")
        row = on.rows("btc")[100, "BTC"]
        assert (row.state, row.amount) == (BalanceState.UNREAD, None)
        await on.scan()
        assert on.result.chains["btc"].addresses == 101
        assert on.rows("btc")[100, "BTC"].amount == "0"


# -- retry and the final pass


@played
async def test_retry_asks_only_for_the_gaps(tmp_path: Path) -> None:
    hosts = (*BTC, *SOL)
    async with stage(tmp_path, hosts, addresses=60, outage_limit=20.0) as on:
        victims = {chain: on.world[chain].address(5) for chain in ("btc", "sol")}
        on.city.set_faults({h.name: [poison(victims[h.chain], Fault.SERVER_ERROR)] for h in hosts})
        await on.scan()
        assert on.result.status is Status.COMPLETED_WITH_GAPS
        scan_id, unread = on.result.scan_id, sum(c.unread for c in on.result.chains.values())
        assert unread == len(list(on.wallet.gaps())) == 2
        on.city.set_faults("none")
        on.city.reset()
        await on.scan(retry=True)
        assert on.result.scan_id == scan_id
        assert on.result.status is Status.COMPLETED
        for chain, victim in victims.items():
            assert set(on.asked(chain)) == {(victim.lower(), chain.upper())}
        assert not list(on.wallet.gaps())
        on.assert_all_true()


@played
async def test_a_retry_that_fails_again_keeps_the_gap(tmp_path: Path) -> None:
    async with stage(tmp_path, BTC) as on:
        on.city.set_faults({h.name: [poison(on.world["btc"].address(3))] for h in BTC})
        await on.scan()
        await on.scan(retry=True)
        assert on.result.status is Status.COMPLETED_WITH_GAPS
        assert [gap.index for gap in on.wallet.gaps()] == [3]
        assert on.result.chains["btc"].read == 49


@played
async def test_retry_is_refused_where_nothing_was_scanned_or_a_scan_is_unfinished(tmp_path: Path) -> None:
    async with stage(tmp_path, BTC, addresses=100) as on:
        with pytest.raises(ScanRefused, match="no scan yet"):
            await on.scan(retry=True)
        await on.scan(on.stop_after(2))
        with pytest.raises(ScanRefused, match="not finished"):
            await on.scan(retry=True)


@played
async def test_the_final_pass_reads_what_was_unread(tmp_path: Path) -> None:
    async with stage(tmp_path, BTC, addresses=100) as on:
        victim = on.world["btc"].address(5)
        on.city.set_faults({h.name: [poison(victim, Fault.ERROR_OBJECT)] for h in BTC})

        def heal(event: Event) -> None:
            if isinstance(event, ScanProgress) and event.unread:
                on.city.set_faults({h.name: [] for h in BTC})

        events = await on.scan(heal)
        unread = [event.unread for event in of(events, ScanProgress)]
        assert max(unread) == 1
        assert ends(events)["btc"].unread == 0
        assert on.result.status is Status.COMPLETED
        on.assert_all_true()


@played
async def test_without_a_final_pass_the_gap_remains(tmp_path: Path) -> None:
    async with stage(tmp_path, BTC, addresses=100, final_passes=0) as on:
        victim = on.world["btc"].address(5)
        on.city.set_faults({h.name: [poison(victim, Fault.ERROR_OBJECT)] for h in BTC})
        await on.scan()
        assert on.result.status is Status.COMPLETED_WITH_GAPS
        assert [gap.address for gap in on.wallet.gaps()] == [victim]


@pytest.mark.parametrize("addresses", [1, 19, 20, 21, 41])
@played
async def test_any_number_of_addresses_fits_into_chunks(tmp_path: Path, addresses: int) -> None:
    async with stage(tmp_path, addresses=addresses) as on:
        await on.scan()
        on.assert_all_true()
        assert on.result.chains["bsc"].readings == 3 * addresses


# -- older knowledge


@played
async def test_an_older_balance_survives_a_newer_scan_that_cannot_read_it(tmp_path: Path) -> None:
    async with stage(tmp_path, SOL) as on:
        await on.scan()
        before = on.rows("sol")
        on.city.set_faults({h.name: [Rule(faults=(Fault.TOKENS_FAIL,), token=True)] for h in SOL})
        await on.scan()
        assert on.result.status is Status.COMPLETED_WITH_GAPS
        for key, row in on.rows("sol").items():
            if row.asset == "SOL":
                assert row.state is BalanceState.READ
                continue
            assert row.state is BalanceState.STALE
            assert row.error
            kept = before[key]
            assert (row.amount, row.source, row.observed_at) == (kept.amount, kept.source, kept.observed_at)


@played
async def test_a_failed_newer_scan_deletes_nothing(tmp_path: Path) -> None:
    async with stage(tmp_path, BTC, outage_limit=0.3) as on:
        await on.scan()
        before = {key: row.amount for key, row in on.rows("btc").items()}
        on.city.set_faults({h.name: [always(Fault.RESET)] for h in BTC})
        await on.scan()
        assert on.result.status is Status.FAILED
        assert {key: row.amount for key, row in on.rows("btc").items()} == before


# -- quarantine


@played
async def test_what_a_provider_of_another_chain_said_is_read_again(tmp_path: Path) -> None:
    hosts = (multicall("liar", rate=40), host("honest", "bsc", rate=40))
    async with stage(tmp_path, hosts, faults={"liar": [always(Fault.WRONG_CHAIN, first=4)]}, addresses=300) as on:
        events = await on.scan()
        assert on.provider("liar").state == "quarantined"
        assert any("liar is quarantined" in text for text in errors(events, "bsc"))
        assert any(entry.answered == "ok" and entry.asks for entry in on.log("liar")), "it had been believed"
        assert {row.source for row in on.wallet.balances("bsc")} == {"honest"}
        assert on.result.status is Status.COMPLETED
        on.assert_all_true()


# -- the disk


@played
async def test_a_commit_that_fails_writes_nothing_of_its_chunk_and_is_resumed(tmp_path: Path) -> None:
    async with stage(tmp_path, BTC, addresses=100) as on:
        with database(on) as connection:
            connection.execute(
                "CREATE TRIGGER broken BEFORE UPDATE ON chunk WHEN NEW.seq = 2 BEGIN SELECT RAISE(ABORT, 'no'); END"
            )
        events = await on.scan()
        end = ends(events)["btc"]
        assert end.status is Status.FAILED
        assert "the database could not be written" in str(end.error)
        done = committed(on, "btc")
        read = {(row.address.lower(), row.asset) for row in on.rows("btc").values() if row.state is BalanceState.READ}
        assert read == done, "a chunk's balances and its mark are one transaction"
        assert end.read == len(done) < 100
        with database(on) as connection:
            connection.execute("DROP TRIGGER broken")
        on.city.reset()
        await on.scan()
        assert on.result.status is Status.COMPLETED
        assert not done & set(on.asked("btc"))
        on.assert_all_true()


@contextmanager
def full_disk(path: Path) -> Iterator[None]:
    """No file of this process may grow beyond what the database's journal has now: writes fail as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    largest = max(file.stat().st_size for file in path.iterdir())
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@played
async def test_a_full_disk_fails_the_scan_with_a_reason_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_thread, "FIRST_WAIT", 0.01)
    async with stage(tmp_path, BTC, addresses=400) as on:
        full = ExitStack()
        progress = iter(range(1000))

        def fill_up(event: Event) -> None:
            if isinstance(event, ScanProgress) and next(progress) == 3:
                full.enter_context(full_disk(tmp_path))

        with full, capture_logs() as logs:
            events = await on.scan(fill_up)
        end = ends(events)["btc"]
        assert end.status is Status.FAILED
        assert "the database could not be written" in str(end.error)
        assert max(log["attempt"] for log in logs if log["event"] == "write_failed") == 3, "a few tries"
        done = committed(on, "btc")
        assert end.read == len(done)
        on.city.reset()
        await on.scan()
        assert on.result.status is Status.COMPLETED
        assert not done & set(on.asked("btc"))
        on.assert_all_true()


@played
async def test_a_disk_that_is_full_for_a_moment_costs_only_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_thread, "FIRST_WAIT", 0.05)
    async with stage(tmp_path, BTC, addresses=400) as on:
        full = ExitStack()
        progress = iter(range(1000))

        def free_up() -> None:
            if any(log["event"] == "write_failed" for log in logs):
                full.close()
            else:
                asyncio.get_running_loop().call_later(0.01, free_up)

        def fill_up(event: Event) -> None:
            if isinstance(event, ScanProgress) and next(progress) == 3:
                full.enter_context(full_disk(tmp_path))
                free_up()

        with full, capture_logs() as logs:
            await on.scan(fill_up)
        assert any(log["event"] == "write_failed" for log in logs)
        assert on.result.status is Status.COMPLETED
        on.assert_all_true()
