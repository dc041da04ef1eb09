"""What the doctor finds, and how it says to mend it."""

import asyncio
import os
import time
from pathlib import Path

import msgspec
import pytest

from hdscan.app import doctor
from hdscan.app.demo import simulated_settings
from hdscan.app.doctor import Finding, Level, checkup, examine
from hdscan.app.doctor.clock import clock_offline, clock_online
from hdscan.app.wallet import Wallet
from hdscan.model.endpoint import Endpoint
from hdscan.settings import Settings
from hdscan.sim.city import City, Faults
from hdscan.sim.faults import Fault, always
from hdscan.sim.host import HostSpec
from hdscan.sim.world import World

WORLD = World(seed=2, addresses=3)
NOW = 1_800_000_000.0
HOSTS = (
    HostSpec(name="btc-a", chain="btc", protocols=("esplora",), rate=100, latency=0.0),
    HostSpec(name="node", chain="bsc", protocols=("evm-multicall", "evm-rpc"), rate=10, latency=0.0),
    HostSpec(name="scan", chain="bsc", protocols=("etherscan",), rate=100, latency=0.0),
    HostSpec(name="sol-a", chain="sol", protocols=("solana-rpc",), rate=100, latency=0.0),
)


def settings_of(city: City, path: Path, *more: Endpoint, files: tuple[str, ...] = (), trusted: bool = True) -> Settings:
    endpoints = [msgspec.structs.replace(each, trusted=trusted) for each in (*city.endpoints, *more)]
    settings = simulated_settings(WORLD, endpoints, path / "own" / "wallet.db")
    return msgspec.structs.replace(settings, files=files)


async def examined(settings: Settings, *, offline: bool = False) -> dict[str, Finding]:
    """The findings by what was checked; the worst of each."""
    found: dict[str, Finding] = {}
    async for finding in examine(settings, offline=offline):
        known = found.get(finding.check)
        if known is None or list(Level).index(finding.level) > list(Level).index(known.level):
            found[finding.check] = finding
    return found


def run(
    path: Path, *, faults: Faults = "none", offline: bool = False, wallet: bool = True, trusted: bool = True
) -> dict[str, Finding]:
    async def play() -> dict[str, Finding]:
        async with City(WORLD, HOSTS, faults=faults) as city:
            settings = settings_of(city, path, trusted=trusted)
            if wallet:
                with Wallet(settings) as opened:
                    for name, chain in WORLD.chains.items():
                        await opened.add(chain.addresses(), chains=[name])
            found = await examined(settings, offline=offline)
            assert not any(judgement.violations for judgement in city.judge())
            if offline:
                assert not any(host.log for host in city.hosts.values())
            return found

    return asyncio.run(asyncio.wait_for(play(), 30))


def test_all_is_well(tmp_path: Path) -> None:
    found = run(tmp_path)
    assert {finding.level for finding in found.values()} == {Level.OK}, found
    providers = {"provider btc-a", "provider node/evm-multicall", "provider node/evm-rpc", "provider scan", "provider sol-a"}
    assert set(found) == {"database", "permissions", "clock", "chain btc", "chain bsc", "chain sol"} | providers
    assert "proves to serve btc" in found["provider btc-a"].message
    assert "100 calls a second" in found["provider btc-a"].message
    assert all(finding.mend is None for finding in found.values())


def test_offline_asks_nobody(tmp_path: Path) -> None:
    found = run(tmp_path, offline=True)
    assert {finding.level for finding in found.values()} == {Level.OK}, found
    assert "plausible" in found["clock"].message


def test_a_chain_whose_operator_nobody_can_contradict_is_a_warning(tmp_path: Path) -> None:
    found = run(tmp_path, offline=True, trusted=False)
    assert {name for name, finding in found.items() if finding.level is Level.WARN} == {"chain btc", "chain sol"}
    assert "one operator alone serves it, so nobody can contradict it" in found["chain btc"].message
    assert "of another operator for btc" in str(found["chain btc"].mend)


def test_without_a_database_nothing_is_made(tmp_path: Path) -> None:
    found = run(tmp_path, wallet=False)
    assert found["database"].level is Level.OK
    assert "there is none yet" in found["database"].message
    assert not list(tmp_path.iterdir())


def test_another_chain_is_a_failure(tmp_path: Path) -> None:
    found = run(tmp_path, faults={"sol-a": [always(Fault.WRONG_CHAIN)]})
    assert found["provider sol-a"].level is Level.FAIL
    assert "wrong_chain" in found["provider sol-a"].message
    assert "`url`" in str(found["provider sol-a"].mend)
    assert found["chain sol"].level is Level.FAIL
    assert "SOL, USDC, USDT" in found["chain sol"].message


def test_a_dead_host_is_a_warning_as_long_as_another_can_be_asked(tmp_path: Path) -> None:
    found = run(tmp_path, faults={"scan": [always(Fault.RESET)], "btc-a": [always(Fault.SERVER_ERROR)]})
    assert found["provider scan"].level is Level.WARN
    assert found["provider scan"].mend
    assert found["chain bsc"].level is Level.OK
    assert found["provider btc-a"].level is Level.WARN
    assert found["chain btc"].level is Level.FAIL


def test_a_chain_without_addresses_is_left_alone_where_another_has_some(tmp_path: Path) -> None:
    async def play() -> None:
        async with City(WORLD, HOSTS) as city:
            settings = settings_of(city, tmp_path)
            with Wallet(settings) as opened:
                await opened.add(WORLD["btc"].addresses(), chains=["btc"])
            found = await examined(settings)
            assert found["chains"] == Finding("chains", Level.OK, "no addresses of bsc, sol: no provider of theirs is asked")
            assert [name for name in found if name.startswith(("provider", "chain "))] == ["provider btc-a", "chain btc"]
            assert [name for name, host in city.hosts.items() if host.log] == ["btc-a"]

    asyncio.run(asyncio.wait_for(play(), 30))


def test_a_chain_without_addresses_only_warns(tmp_path: Path) -> None:
    found = run(tmp_path, faults={"btc-a": [always(Fault.RESET)]}, wallet=False)
    assert found["chain btc"].level is Level.WARN


def test_a_throttled_host_is_a_warning_and_its_pause_is_kept(tmp_path: Path) -> None:
    async def play() -> None:
        async with City(WORLD, HOSTS, faults={"btc-a": [always(Fault.QUOTA)]}) as city:
            settings = settings_of(city, tmp_path)
            with Wallet(settings):
                pass
            found = await examined(settings)
            assert found["provider btc-a"].level is Level.WARN
            asked = len(city.hosts["btc-a"].log)
            found = await examined(settings)
            assert "paused until" in found["provider btc-a"].message
            assert len(city.hosts["btc-a"].log) == asked, "a pause holds for the doctor too"

    asyncio.run(asyncio.wait_for(play(), 30))


def test_a_key_that_is_not_set_is_named(tmp_path: Path) -> None:
    off = Endpoint("keyed", "btc", ("esplora",), "https://h.example/${MY_KEY}", 1.0, disabled="off until MY_KEY is set")

    async def play() -> None:
        async with City(WORLD, HOSTS) as city:
            found = await examined(settings_of(city, tmp_path, off))
            assert found["provider keyed"].level is Level.WARN
            assert "MY_KEY" in found["provider keyed"].message

    asyncio.run(asyncio.wait_for(play(), 30))


def test_a_host_that_its_row_leaves_out_is_nothing_to_look_at(tmp_path: Path) -> None:
    async def play() -> None:
        async with City(WORLD, HOSTS) as city:
            off = Endpoint("mirror", "btc", ("esplora",), "https://h.example", 1.0, disabled="off: why", off="why")
            found = await examined(settings_of(city, tmp_path, off))
            assert "provider btc-a" in found
            assert "provider mirror" not in found

    asyncio.run(asyncio.wait_for(play(), 30))


def test_quotas_say_what_is_left(tmp_path: Path) -> None:
    async def play() -> None:
        async with City(WORLD, HOSTS) as city:
            settings = settings_of(city, tmp_path)
            limited = tuple(msgspec.structs.replace(each, per_hour=700, per_day=5000) for each in settings.endpoints)
            found = await examined(msgspec.structs.replace(settings, endpoints=limited))
            assert "699 of 700 left this hour" in found["provider btc-a"].message
            assert "4999 of 5000 left this day" in found["provider btc-a"].message

    asyncio.run(asyncio.wait_for(play(), 30))


def test_providers_are_not_asked_while_another_process_scans(tmp_path: Path) -> None:
    async def play() -> None:
        async with City(WORLD, HOSTS) as city:
            settings = settings_of(city, tmp_path)
            with Wallet(settings) as wallet, wallet.store.writer_lock("scan"):
                found = await examined(settings)
            assert "not asked now" in found["scan"].message
            assert not any(host.log for host in city.hosts.values())

    asyncio.run(asyncio.wait_for(play(), 30))


def test_a_damaged_database_fails_and_the_rest_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir(mode=0o700)
    file = tmp_path / "own" / "wallet.db"
    file.write_bytes(b"this is not a database, but long enough to be looked at" * 100)
    file.chmod(0o600)
    found = run(tmp_path, wallet=False)
    assert found["database"].level is Level.FAIL
    assert found["database"].mend
    assert found["provider btc-a"].level is Level.OK


@pytest.mark.skipif(os.name != "posix", reason="other systems keep permissions in another way")
def test_files_that_others_can_read_or_change_are_named_with_the_command_that_mends_it(tmp_path: Path) -> None:
    run(tmp_path)
    file, config = tmp_path / "own" / "wallet.db", tmp_path / "hdscan.toml"
    file.chmod(0o644)
    config.write_text("")
    config.chmod(0o664)

    async def play() -> list[Finding]:
        async with City(WORLD, HOSTS) as city:
            return [f async for f in examine(settings_of(city, tmp_path, files=(str(config),)), offline=True)]

    found = [finding for finding in asyncio.run(play()) if finding.level is not Level.OK]
    mends = {finding.mend: finding.level for finding in found}
    assert mends[f"chmod 600 {config}"] is Level.FAIL
    assert f"chmod 600 {file}" in mends


def test_the_clock_is_compared_with_most_of_the_providers() -> None:
    assert clock_online([0.0, 0.4, -0.3], NOW).level is Level.OK
    assert clock_online([0.0, 0.0, 9_000.0], NOW).level is Level.OK, "one provider's clock is wrong, not ours"
    assert clock_online([20.0, 19.0, 0.0], NOW).level is Level.WARN
    behind = clock_online([3600.0, 3601.0], NOW)
    assert behind.level is Level.FAIL
    assert "behind" in behind.message
    assert "ahead" in clock_online([-3600.0], NOW).message
    assert clock_online([], NOW).level is Level.WARN


def test_an_implausible_clock_is_seen_offline() -> None:
    assert clock_offline(0.0, 1_000_000.0).level is Level.FAIL
    assert clock_offline(NOW + 60, NOW).level is Level.WARN
    assert clock_offline(NOW, NOW).level is Level.OK


def test_after_a_restart_a_quota_counts_what_is_still_in_its_window_alone(tmp_path: Path) -> None:
    async def play() -> None:
        async with City(WORLD, HOSTS) as city:
            settings = settings_of(city, tmp_path)
            limited = tuple(msgspec.structs.replace(each, per_hour=700) for each in settings.endpoints)
            settings = msgspec.structs.replace(settings, endpoints=limited)
            with Wallet(settings) as opened:
                await examined(settings)
                memory = {name: msgspec.json.decode(value) for name, value in opened.store.runtime.load().items()}
                kept = {name: value for name, value in memory.items() if isinstance(value, dict) and "windows" in value}
                for value in kept.values():
                    value["windows"]["3600"] = [[time.time() - 7200, 300], [time.time() - 600, 200]]
                opened.store.runtime.save({name: msgspec.json.encode(value) for name, value in kept.items()})
                found = await examined(settings, offline=True)
            assert "500 of 700 left this hour" in found["provider btc-a"].message

    asyncio.run(asyncio.wait_for(play(), 30))


@pytest.mark.parametrize("ahead", [600.0, -600.0])
def test_a_clock_that_is_wrong_is_found_by_asking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ahead: float) -> None:
    monkeypatch.setattr(doctor, "steady_clock", lambda: lambda: time.time() + ahead)
    clock = run(tmp_path, wallet=False)["clock"]
    assert clock.level is Level.FAIL
    assert ("ahead of" if ahead > 0 else "behind") in clock.message


def test_secrets_are_never_shown(tmp_path: Path) -> None:
    keyed = Endpoint("keyed", "btc", ("esplora",), "http://127.0.0.1:9/api/canary0canary0canary0?apikey=canary1", 10.0)

    async def play() -> None:
        async with City(WORLD, HOSTS) as city:
            found = await examined(settings_of(city, tmp_path, keyed))
            assert found["provider keyed"].level is Level.WARN
            assert b"canary" not in msgspec.json.encode(list(found.values()))

    asyncio.run(asyncio.wait_for(play(), 30))


def test_the_worst_finding_decides() -> None:
    findings = [Finding("a", Level.OK, ""), Finding("b", Level.FAIL, ""), Finding("c", Level.WARN, "")]
    assert checkup(findings).status is Level.FAIL
    assert checkup(findings[:1]).status is Level.OK


def test_an_electrum_host_is_asked_over_tls_and_its_certificate_remembered(tmp_path: Path) -> None:
    lines = HostSpec(name="lines", chain="btc", protocols=("electrum",), rate=100, latency=0.0, tls=True)

    async def play() -> None:
        async with City(WORLD, (lines,)) as city:
            settings = settings_of(city, tmp_path)
            with Wallet(settings) as opened:
                for _ in range(2):
                    found = await examined(settings)
                    assert "proves to serve btc" in found["provider lines"].message
                name = "pin:" + city.endpoints[0].url.removeprefix("ssl://")
                assert name in opened.store.runtime.load()
                opened.store.runtime.save({name: msgspec.json.encode("0" * 64)})
                found = await examined(settings)
                assert found["provider lines"].level is Level.WARN
                assert "its certificate is not the one that is pinned" in found["provider lines"].message

    asyncio.run(asyncio.wait_for(play(), 30))
