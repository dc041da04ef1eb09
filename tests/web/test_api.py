"""The HTTP API as docs/api.md tells it, over simulated hosts: every route, every error, the values of the command line."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from hdscan.settings import Settings
from hdscan.sim.faults import Fault, Rule
from hdscan.sim.host import HostSpec
from tests.cli.conftest import BSC, BTC, Hdscan, Simulated, simulation
from tests.web.conftest import BEARER, JSON, Server, served, settings_of

SLOW = HostSpec(name="slow", chain="btc", protocols=("esplora",), rate=10, latency=0.002)
SLOW_BSC = HostSpec(name="slow-bsc", chain="bsc", protocols=("evm-rpc",), rate=5, latency=0.002)
NO_USDT = {"node": (Rule(faults=(Fault.TOKENS_FAIL,), method="eth_call"),)}
GOOD = ["1BoatSLRHtKNngkdXEeobR76b53LETtpyT", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"]


class Site:
    """A home with simulated hosts, and the server over it."""

    def __init__(self, home: Hdscan, simulated: Simulated, server: Server) -> None:
        self.home, self.simulated, self.server = home, simulated, server

    def pages(self, target: str, items: list[Any] | None = None) -> list[Any]:
        """The items of all pages."""
        found, cursor = [], ""
        while True:
            page = self.server.get(f"{target}{'&' if '?' in target else '?'}limit=7{cursor}").json
            assert len(page["items"]) <= 7
            found += page["items"]
            if page["next"] is None:
                return found
            cursor = f"&{'before' if target.endswith('/scans') else 'cursor'}={quote(page['next'])}"


def site(home: Hdscan, *hosts: HostSpec, **members: Any) -> Iterator[Site]:
    with closing(simulation(home, *hosts, **members)) as simulated, served(settings_of(home)) as server:
        yield Site(home, simulated, server)


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Two chains that were scanned once, the tokens of one of them unread."""
    for made in site(Hdscan(tmp_path_factory.mktemp("scanned")), BTC, BSC, faults=NO_USDT, funded=0.5):
        assert made.server.post("/api/v1/scans").status == 202
        made.server.until_idle()
        yield made


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Two chains whose scan takes longer than any test."""
    yield from site(Hdscan(tmp_path_factory.mktemp("slow")), SLOW, SLOW_BSC, addresses=600)


@pytest.fixture
def running(slow: Site) -> Iterator[Server]:
    """A server that is scanning both."""
    assert slow.server.post("/api/v1/scans", {"restart": True}).status == 202
    yield slow.server
    slow.server.post("/api/v1/scans/stop")
    slow.server.until_idle()


# What is known


def test_status_is_the_state_that_the_stream_begins_with(scanned: Site) -> None:
    status = scanned.server.get("/api/v1/status").json
    state = scanned.server.until(lambda name, _: name == "scan_state")
    assert state.pop("reason") == "initial"
    assert status == state
    assert (status["running"], status["scan_id"]) == (False, 1)
    assert {name: chain["status"] for name, chain in status["chains"].items()} == {
        "btc": "completed",
        "bsc": "completed_with_gaps",
    }
    assert {each["token"] for each in status["token_errors"]} == {"USDT", "USDC"}


@pytest.mark.parametrize(
    "query", ["", "chain=btc", "chain=bsc", "asset=usdt", "chain=bsc&asset=BNB", "funded=true", "asset=USDC&funded=1"]
)
def test_pages_of_balances_are_the_lines_of_the_command_line(scanned: Site, query: str) -> None:
    flags = [f"--{part}" if not part.startswith("funded") else "--funded" for part in query.split("&") if part]
    listed = scanned.home.lines("balances", "--jsonl", *flags)
    assert scanned.pages(f"/api/v1/balances?{query}") == listed
    assert listed or "USDC" in query  # nobody read one


@pytest.mark.parametrize("sort", ["index", "-index", "amount", "-amount"])
def test_every_order_has_every_row_once(scanned: Site, sort: str) -> None:
    def key(row: dict[str, Any]) -> tuple[str, int, str]:
        return row["chain"], row["index"], row["asset"]

    rows = scanned.pages(f"/api/v1/balances?sort={sort}")
    listed = scanned.home.lines("balances", "--jsonl")
    assert sorted(rows, key=key) == sorted(listed, key=key)
    if sort == "-index":
        assert rows == listed[::-1]
    if sort == "amount":
        btc = [int(row["amount"]) for row in rows if row["chain"] == "btc"]
        assert btc == sorted(btc)


def test_totals_are_those_of_the_command_line_whatever_the_page_leaves_out(scanned: Site) -> None:
    page = scanned.server.get("/api/v1/balances?limit=1&funded=true&q=nothing").json
    assert page["items"] == []
    totals = {(each["chain"], each["asset"]): each for each in page["totals"]}
    assert totals["bsc", "USDT"] | {"decimals": 18} == {
        **{"chain": "bsc", "asset": "USDT", "decimals": 18, "amount": None, "unconfirmed": None, "stale_amount": "0"},
        **{"read": 0, "stale": 0, "unread": 30, "funded": None, "disputed": 0, "confirmed_funded": 0, "confirmed_zeros": 0},
    }
    rows = scanned.home.lines("balances", "--jsonl", "--chain", "btc")
    assert totals["btc", "BTC"]["amount"] == str(sum(int(row["amount"]) for row in rows))
    assert totals["btc", "BTC"]["funded"] == sum(row["amount"] != "0" for row in rows)
    only = scanned.server.get("/api/v1/balances?chain=btc&asset=btc").json["totals"]
    assert only == [totals["btc", "BTC"]]


def test_a_part_of_an_address_finds_it(scanned: Site) -> None:
    row = scanned.home.lines("balances", "--jsonl", "--chain", "btc")[3]
    for part in (row["address"], row["address"][5:25].upper()):
        assert scanned.server.get(f"/api/v1/balances?q={part}").json["items"] == [row]


@pytest.mark.parametrize("query", ["", "?chain=btc", "?asset=USDT", "?funded=true", "?chain=bsc&asset=BNB&funded=true"])
def test_the_csv_is_that_of_the_command_line(scanned: Site, query: str) -> None:
    reply = scanned.server.get("/api/v1/balances.csv" + query)
    flags = [f"--{part}".replace("--funded=true", "--funded") for part in query.strip("?").split("&") if part]
    assert reply.body.decode() == scanned.home.ok("balances", "--csv", *flags)
    assert reply["content-type"] == "text/csv; charset=utf-8"
    assert reply["content-disposition"] == 'attachment; filename="balances.csv"'


def test_gaps_are_those_of_the_command_line(scanned: Site) -> None:
    listed = scanned.home.lines("gaps", "--jsonl")
    assert len(listed) == 60
    assert scanned.pages("/api/v1/gaps") == scanned.pages("/api/v1/gaps?chain=bsc") == listed
    assert scanned.pages("/api/v1/gaps?chain=btc") == []


def test_providers_are_those_of_the_command_line(scanned: Site) -> None:
    assert scanned.server.get("/api/v1/providers").json == {"items": scanned.home.json("providers", "--json")}


def test_a_scan_is_told_with_its_chains(scanned: Site) -> None:
    scan = scanned.server.get("/api/v1/scans/1").json
    assert scanned.server.get("/api/v1/scans").json["items"][-1] == scan
    assert list(scan) == ["scan_id", "began_at", "status", "chains"]
    assert scan["status"] == "completed_with_gaps"
    known = scanned.home.json("status", "--json")["chains"]
    for name, chain in scan["chains"].items():
        assert set(chain) >= {
            "status",
            "assets",
            "addresses",
            "readings",
            "read",
            "unread",
            "funded",
            "seconds",
            "requests",
            "error",
        }
        assert {key: chain[key] for key in known[name]} | {"seconds": round(chain["seconds"], 3)} == known[name]


def test_the_scans_come_in_pages_newest_first(slow: Site) -> None:
    for _ in range(9):
        assert slow.server.post("/api/v1/scans", {"restart": True, "chains": ["btc"]}).status == 202
        slow.server.post("/api/v1/scans/stop")
        slow.server.until_idle()
    ids = [scan["scan_id"] for scan in slow.pages("/api/v1/scans")]
    assert len(ids) >= 9
    assert ids == sorted(ids, reverse=True)


def test_health(scanned: Site) -> None:
    assert scanned.server.get("/healthz").json == scanned.server.get("/readyz").json == {"status": "ok"}


def test_metrics_are_openmetrics_and_name_no_address(scanned: Site) -> None:
    reply = scanned.server.get("/metrics")
    assert reply["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    text = reply.body.decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert all(name.startswith("hdscan_") for name in families)
    read = {tuple(sample.labels.values()): sample.value for sample in families["hdscan_readings"].samples}
    assert read["btc", "read"] == 30
    assert read["bsc", "unread"] == 60
    assert sum(sample.value for sample in families["hdscan_provider_amounts"].samples) >= sum(
        count for (_, state), count in read.items() if state == "read"
    )
    assert {label for family in families.values() for sample in family.samples for label in sample.labels} == {
        *("chain", "state", "provider", "outcome", "asset", "amount")
    }
    for chain in scanned.simulated.world.chains.values():
        assert not [address for address in chain.addresses() if address.lower() in text.lower()]
    assert "http" not in text.replace("HTTP calls", "")


# Scans


def test_one_scan_runs_at_a_time(running: Server) -> None:
    reply = running.post("/api/v1/scans")
    assert (reply.status, reply.code) == (409, "running")
    assert reply.json["error"]["detail"] == {"scan_id": running.get("/api/v1/status").json["scan_id"]}
    assert running.get("/api/v1/status").json["running"]


def test_a_scan_is_stopped_and_gone_on_with(running: Server) -> None:
    number = running.get("/api/v1/status").json["scan_id"]
    stopped = running.post("/api/v1/scans/stop")
    assert (stopped.status, stopped.json) == (202, {"scan_id": number})
    running.until_idle()
    assert {each["status"] for each in running.get("/api/v1/status").json["chains"].values()} == {"stopped"}
    reply = running.post("/api/v1/scans/stop")
    assert (reply.status, reply.code) == (409, "not_running")
    assert running.post("/api/v1/scans").json == {"scan_id": number}
    assert running.get("/api/v1/status").json["running"]
    running.post("/api/v1/scans/stop")
    running.until_idle()
    assert running.post("/api/v1/scans", {"restart": True}).json["scan_id"] > number


def test_one_chain_is_stopped_and_the_other_goes_on(running: Server) -> None:
    assert running.post("/api/v1/scans/stop", {"chains": ["bsc"]}).status == 202
    running.until(
        lambda name, data: name == "scan_complete" or (name == "scan_state" and data["chains"]["bsc"]["status"] == "stopped")
    )
    chains = running.get("/api/v1/status").json["chains"]
    assert (chains["bsc"]["status"], chains["btc"]["status"]) == ("stopped", "running")
    reply = running.post("/api/v1/scans/stop", {"chains": ["bsc"]})
    assert (reply.status, reply.code) == (409, "not_running")
    assert running.post("/api/v1/scans").status == 409


def test_a_scan_of_one_chain_and_asset(slow: Site) -> None:
    number = slow.server.post("/api/v1/scans", {"chains": ["bsc"], "assets": ["bnb"], "restart": True}).json["scan_id"]
    slow.server.post("/api/v1/scans/stop")
    slow.server.until_idle()
    (chain,) = slow.server.get(f"/api/v1/scans/{number}").json["chains"].values()
    assert (chain["chain"], chain["assets"]) == ("bsc", ["BNB"])


def test_what_is_unread_is_asked_again(tmp_path_factory: pytest.TempPathFactory) -> None:
    for made in site(Hdscan(tmp_path_factory.mktemp("retried")), BSC, faults=NO_USDT):
        server = made.server
        number = server.post("/api/v1/scans").json["scan_id"]
        server.until_idle()
        assert len(server.get("/api/v1/gaps").json["items"]) == 60
        made.simulated.heal()
        assert server.post("/api/v1/scans", {"retry": True}).json == {"scan_id": number}
        server.until_idle()
        assert server.get("/api/v1/gaps").json["items"] == []
        status = server.get("/api/v1/status").json
        assert status["chains"]["bsc"]["status"] == "completed"
        assert status["token_errors"] == []
        rows = {(row["index"], row["asset"]): int(row["amount"]) for row in made.pages("/api/v1/balances")}
        truth = made.simulated.world.truth().items()
        assert rows == {(index, asset): amount for (chain, index, asset), amount in truth if chain == "bsc"}


@pytest.mark.parametrize(
    ("body", "code", "says"),
    [
        ({"chains": ["dogecoin"]}, "bad_input", "chain 'dogecoin' is not configured"),
        ({"assets": ["SHIB"]}, "bad_input", "asset 'SHIB' is not configured"),
        ({"chains": ["btc"], "assets": ["USDT"]}, "bad_input", "asset 'USDT' is not configured"),
        ({"restart": True, "retry": True}, "bad_input", "choose one"),
        ({"retry": True, "chains": ["sol"]}, "scan", "there are no addresses of chain sol"),
        ({"chains": ["sol"]}, "scan", "add some with"),
        ({"chains": "btc"}, "bad_input", "chains: Expected `array`, got `str`"),
        ({"restart": "yes"}, "bad_input", "restart: Expected `bool`, got `str`"),
        ({"again": True}, "bad_input", "unknown field `again`"),
    ],
)
def test_what_cannot_be_scanned_is_said(scanned: Site, body: dict[str, Any], code: str, says: str) -> None:
    reply = scanned.server.post("/api/v1/scans", body)
    assert (reply.status, reply.code) == (422, code)
    assert says in reply.json["error"]["message"]
    assert not scanned.server.get("/api/v1/status").json["running"]


def test_a_retry_without_a_scan_is_refused(settings: Settings) -> None:
    with served(settings) as server:
        server.post("/api/v1/wallets", {"text": "\n".join(GOOD)})
        reply = server.post("/api/v1/scans", {"retry": True})
        assert (reply.status, reply.code) == (422, "scan")
        assert "nothing is left to retry" in reply.json["error"]["message"]


def test_a_retry_of_a_scan_that_is_not_finished_is_refused(slow: Site) -> None:
    slow.server.post("/api/v1/scans")
    slow.server.post("/api/v1/scans/stop")
    slow.server.until_idle()
    reply = slow.server.post("/api/v1/scans", {"retry": True})
    assert (reply.status, reply.code) == (422, "scan")
    assert "is not finished" in reply.json["error"]["message"]


def test_an_unknown_chain_is_not_stopped(scanned: Site) -> None:
    reply = scanned.server.post("/api/v1/scans/stop", {"chains": ["dogecoin"]})
    assert (reply.status, reply.code) == (422, "bad_input")


def test_a_wallet_may_be_added_while_a_scan_runs(running: Server) -> None:
    assert running.post("/api/v1/wallets", {"text": "\n".join(GOOD)}).status == 200
    assert running.get("/api/v1/balances?q=" + GOOD[0]).json["items"][0]["state"] == "unread"


# Errors


@pytest.mark.parametrize(
    ("target", "status", "code"),
    [
        ("/api/v1/scans/999", 404, "not_found"),
        ("/api/v1/scans/0", 404, "not_found"),
        ("/api/v1/scans/99999999999", 422, "bad_input"),
        ("/api/v1/scans?limit=0", 422, "bad_input"),
        ("/api/v1/scans?before=0", 422, "bad_input"),
        ("/api/v1/scans?before=x", 422, "bad_input"),
        ("/api/v1/balances?limit=1001", 422, "bad_input"),
        ("/api/v1/balances?limit=ten", 422, "bad_input"),
        ("/api/v1/balances?chain=dogecoin", 422, "bad_input"),
        ("/api/v1/balances?chain=btc&asset=USDT", 422, "bad_input"),
        ("/api/v1/balances?sort=address", 422, "bad_input"),
        ("/api/v1/balances?funded=maybe", 422, "bad_input"),
        ("/api/v1/balances?cursor=x", 422, "bad_input"),
        ("/api/v1/balances?q=" + "x" * 201, 422, "bad_input"),
        ("/api/v1/balances?q=%00", 422, "bad_input"),
        ("/api/v1/balances.csv?chain=dogecoin", 422, "bad_input"),
        ("/api/v1/gaps?chain=dogecoin", 422, "bad_input"),
        ("/api/v1/gaps?cursor=x", 422, "bad_input"),
    ],
)
def test_a_question_that_has_no_answer_is_told_why(scanned: Site, target: str, status: int, code: str) -> None:
    reply = scanned.server.get(target)
    assert (reply.status, reply.code) == (status, code)


def test_a_cursor_is_good_for_its_own_query_alone(scanned: Site) -> None:
    cursor = quote(scanned.server.get("/api/v1/balances?limit=1").json["next"])
    assert scanned.server.get(f"/api/v1/balances?limit=5&cursor={cursor}").status == 200
    for target in ("balances?funded=true&", "balances?chain=btc&", "balances?sort=amount&", "gaps?"):
        assert scanned.server.get(f"/api/v1/{target}cursor={cursor}").code == "bad_input"


def test_what_is_not_json_is_a_bad_request(scanned: Site) -> None:
    reply = scanned.server.ask("POST", "/api/v1/wallets", BEARER, JSON, body=b'{"text":')
    assert (reply.status, reply.code) == (400, "bad_request")


def test_a_database_whose_file_is_gone_is_not_ready(settings: Settings) -> None:
    with served(settings) as server:
        Path(settings.db.removeprefix("sqlite:///")).unlink()
        reply = server.get("/readyz")
        assert (reply.status, reply.code) == (503, "store")
        assert "is gone" in reply.json["error"]["message"]


def test_a_database_that_cannot_be_read_is_not_ready(settings: Settings) -> None:
    with served(settings) as server:
        assert server.get("/readyz").status == 200
        with closing(sqlite3.connect(settings.db.removeprefix("sqlite:///"))) as connection:
            connection.execute("DROP TABLE scan_chain")
        reply = server.get("/readyz")
        assert (reply.status, reply.code) == (503, "store")
        assert server.get("/healthz").status == 200
        assert server.get("/api/v1/balances").status in (200, 503)
        assert server.post("/api/v1/scans").status in (422, 503)
