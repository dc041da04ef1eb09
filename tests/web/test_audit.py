"""Audits through the HTTP API: begun, told in states, pages, totals and metrics."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from hdscan.sim.faults import Fault, Rule
from hdscan.sim.host import HostSpec
from tests.cli.conftest import Hdscan
from tests.web.test_api import Site, site

PAIR = tuple(HostSpec(name=name, chain="btc", protocols=("esplora",), rate=500, latency=0.002) for name in ("liar", "honest"))
KINDS = ("state", "outcome", "amount")  # the label that says what a sample counts
LIES = {"liar": (Rule(faults=(Fault.FALSE_ZEROS,), items=0.7),)}


@pytest.fixture(scope="module")
def disputed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A chain of which two operators disagree."""
    home: Path = tmp_path_factory.mktemp("disputed")
    for made in site(Hdscan(home), *PAIR, faults=LIES, funded=0.5):
        assert made.server.post("/api/v1/scans", {"audit": 100}).status == 202
        made.server.until_idle()
        yield made


def test_a_disputed_reading_is_in_a_page_with_every_answer_and_in_no_amount(disputed: Site) -> None:
    items = disputed.pages("/api/v1/balances?chain=btc")
    doubted = [item for item in items if item["state"] == "disputed"]
    assert doubted
    for item in doubted:
        assert item["amount"] is None
        assert {answer["source"] for answer in item["answers"]} == {"liar", "honest"}
    (total,) = disputed.server.get("/api/v1/balances?chain=btc&limit=1").json["totals"]
    assert total["disputed"] == len(doubted)
    assert total["read"] + total["disputed"] == len(items)
    assert int(total["amount"]) == sum(int(item["amount"] or 0) for item in items)
    by_amount = disputed.pages("/api/v1/balances?chain=btc&sort=-amount")
    assert {item["state"] for item in by_amount[-len(doubted) :]} == {"disputed"}, "what has no amount stands last"


def test_states_scans_and_metrics_tell_of_the_audit(disputed: Site) -> None:
    chain = disputed.server.get("/api/v1/status").json["chains"]["btc"]
    assert chain["status"] == "completed_with_gaps"
    assert (chain["audited"], chain["unaudited"]) == (30, 0)
    assert chain["disputed"] > 0
    scan = disputed.server.get("/api/v1/scans/1").json["chains"]["btc"]
    assert (scan["audit"], scan["audited"], scan["disputed"]) == (100, 30, chain["disputed"])
    text = disputed.server.get("/metrics").body.decode()
    samples: dict[tuple[str, str], Any] = {
        (sample.name, next((sample.labels[name] for name in KINDS if name in sample.labels), "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.labels.get("chain") == "btc"
    }
    assert samples["hdscan_readings", "disputed"] == chain["disputed"]
    assert samples["hdscan_readings", "pending"] == 0
    assert samples["hdscan_audits", "answered"] == 30
    assert samples["hdscan_audit_requests", ""] == chain["audit_requests"]
    (total,) = disputed.server.get("/api/v1/balances?chain=btc&limit=1").json["totals"]
    assert samples["hdscan_confirmed_readings", "above_zero"] == total["confirmed_funded"]
    assert samples["hdscan_confirmed_readings", "zero"] == total["confirmed_zeros"] > 0


@pytest.mark.parametrize("percent", [-1, 100.5, "much", []])
def test_no_percentage_is_refused(disputed: Site, percent: object) -> None:
    assert disputed.server.post("/api/v1/scans", {"audit": percent}).status == 422
