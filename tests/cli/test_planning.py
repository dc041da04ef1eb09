"""`hdscan plan` and `hdscan chains`: what a scan takes, said before anybody is asked."""

import re
from pathlib import Path

import pytest

from hdscan.sim.world import World
from tests.cli.conftest import Hdscan

HOST = """
[[endpoint]]
name = "{name}"
chain = "btc"
protocol = "esplora"
url = "{url}"
rate = {rate}
"""


def host(name: str, rate: float, more: str = "", key: str | None = None) -> str:
    """A host of its own at a port where nobody is."""
    path = "/api" if key is None else f"/${{{key}}}"
    return HOST.format(name=name, rate=rate, url=f"http://127.0.0.1:{len(name)}{path}") + more + "\n"


@pytest.fixture
def wallet(hdscan: Hdscan) -> Hdscan:
    """1,000 addresses and nobody to ask yet."""
    addresses = World(seed=5, addresses={"btc": 1000})["btc"].addresses()
    (hdscan.home / "list.txt").write_text("\n".join(addresses))
    hdscan.ok("add", "--chain", "btc", "list.txt")
    return hdscan


def configure(wallet: Hdscan, *hosts: str) -> None:
    Path(wallet.home / "hdscan.toml").write_text("".join(hosts))


def test_a_plan_names_calls_quotas_and_time(wallet: Hdscan) -> None:
    configure(wallet, host("quick", 10.0, "per_hour = 300"), host("slow", 2.0))
    (chain,) = wallet.json("plan", "--json")["chains"]
    assert chain["readings"] == 1000
    assert 300 < chain["seconds"] < 400
    quick, slow = chain["providers"]
    assert quick["calls"] == 300
    assert quick["quotas"] == [{"per": "hour", "limit": 300, "used": 0, "takes": 300}]
    assert 700 <= slow["calls"] < 800  # second words too
    assert chain["limit"] == "quick's hour"
    text = wallet.ok("plan")
    assert re.search(r"about \d min: quick's hour is the limit", text)
    assert "300 of 300 an hour" in text


def test_the_key_that_helps_most_is_named(wallet: Hdscan) -> None:
    lacking = (
        host("little", 2.0, key="LITTLE"),
        host("much", 50.0, key="MUCH"),
    )
    configure(wallet, host("one", 2.0), *lacking)
    found = wallet.json("plan", "--json")["chains"][0]
    assert found["key"]["endpoint"] == "much"
    assert found["key"]["variables"] == ["MUCH"]
    assert re.fullmatch(r"about 8 min: a key for much makes it 2\d s", found["verdict"])
    assert "set MUCH in the environment to ask much" in wallet.ok("plan")
    listed = next(each for each in wallet.json("chains", "--json") if each["chain"] == "btc")
    assert {each["name"]: each["variables"] for each in listed["hosts"]} == {"one": [], "little": ["LITTLE"], "much": ["MUCH"]}
    assert listed["key"]["endpoint"] == "much"
    assert "MUCH" in wallet.ok("chains")


def test_what_does_not_fit_says_when_it_goes_on(wallet: Hdscan) -> None:
    configure(wallet, host("one", 10.0, "per_day = 400"))
    found = wallet.json("plan", "--json")
    assert not found["fits"]
    assert found["chains"][0]["fitting"] == pytest.approx(400, rel=0.02)
    assert found["chains"][0]["goes_on_at"]
    assert re.search(
        r"does not fit now: 4\d\d of 1,000 readings until .* UTC, goes on at \d{4}-\d\d-\d\d \d\d:\d\d UTC",
        found["chains"][0]["verdict"],
    )


def test_nothing_is_asked_or_begun(wallet: Hdscan) -> None:
    wallet.ok("plan")
    assert wallet.json("status", "--json") is None


def test_a_plan_without_addresses_says_what_to_do(hdscan: Hdscan) -> None:
    done = hdscan("plan")
    assert done.code == 1
    assert "hdscan add" in done.err


def test_servers_that_are_alike_are_counted_and_those_that_stand_by_too(hdscan: Hdscan) -> None:
    addresses = World(seed=5, addresses={"btc": 300})["btc"].addresses()
    (hdscan.home / "list.txt").write_text("\n".join(addresses))
    hdscan.ok("add", "--chain", "btc", "list.txt")
    (chain,) = hdscan.json("plan", "--json")["chains"]
    idle = [each["name"] for each in chain["providers"] if not each["calls"]]
    text = hdscan.ok("plan")
    assert f"btc: {len(idle)} more stand by" in text
    assert not any(re.search(rf"{name} +0", text) for name in idle)
    drawn = [host["name"] for host in hdscan.json("chains", "--json")[0]["hosts"] if host["drawn"]]
    text = hdscan.ok("chains")
    assert f"{len(drawn)} Electrum servers, 8 at a time" in text
    assert not any(name in text for name in drawn)
    listed = hdscan.ok("providers")
    assert f"not asked yet: {3 + len(drawn)} of btc, " in listed
    assert not any(name in listed for name in drawn)
    assert "ankr, ankr-eth, " in listed
    assert listed.count("off until ANKR_API_KEY is set") == 1
    assert re.search(r"\nBLOCKCHAIR_API_KEY +btc, ltc, doge\n", text)


def test_a_token_of_solana_takes_the_one_key_that_it_takes_once_it_is_proved(hdscan: Hdscan) -> None:
    listed = next(each for each in hdscan.json("chains", "--json") if each["chain"] == "sol")
    readings = 1000 * len(listed["assets"])
    assert listed["calls"] == pytest.approx(readings / 99, abs=1)


def test_a_chain_that_nobody_serves_leads_to_what_to_do(wallet: Hdscan) -> None:
    Path(wallet.home / "hdscan.toml").write_text('catalogue = "off"\n')
    assert "nobody can be asked; see: hdscan doctor" in wallet.ok("plan")
    assert "add an [[endpoint]] row for btc" in wallet("doctor", "--offline").out
    assert wallet.ok("providers") == "No host is configured; add an [[endpoint]] row to hdscan.toml\n"
