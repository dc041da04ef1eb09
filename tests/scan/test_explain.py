"""What is told of one address after scans over real sockets: amounts, disputes, audits, attempts, and why nobody was asked."""

from pathlib import Path

import pytest

from hdscan.model.audit import AuditOutcome
from hdscan.model.endpoint import Endpoint
from hdscan.model.errors import InputError
from hdscan.model.explain import Explained
from hdscan.model.scan import BalanceState, Status
from hdscan.sim.faults import Fault, Rule, always, poison, script
from tests.scan.stage import BSC, Stage, etherscan, host, played, stage


def only(on: Stage, index: int, asset: str = "BTC", chain: str = "btc") -> Explained:
    (found,) = on.wallet.explain(on.world[chain].address(index), asset=asset)
    return found


def why(found: Explained) -> dict[str, str]:
    return {told.provider: told.why for told in found.providers}


@played
async def test_before_a_scan_there_is_nothing_and_afterwards_the_amount_with_its_source(tmp_path: Path) -> None:
    async with stage(tmp_path, (host("a"), host("b")), addresses=20) as on:
        found = only(on, 3)
        assert (found.scan_id, found.status, found.balance.state) == (None, None, BalanceState.UNREAD)
        assert why(found) == dict.fromkeys("ab", "not asked: this was not scanned yet")
        await on.scan()
        found = only(on, 3)
        assert (found.scan_id, found.status) == (1, Status.COMPLETED)
        assert found.balance == on.rows("btc")[3, "BTC"]
        assert (found.gap, found.audit, found.attempts) == (None, None, ())
        assert sorted(why(found).values()) == ["gave the amount that stands", "not asked: others answered first"]
        assert {told.operator for told in found.providers} == {
            on.city.hosts[name].endpoint.url.split("/")[2] for name in ("a", "b")
        }


@played
async def test_an_address_that_is_not_the_wallets_is_refused(tmp_path: Path) -> None:
    async with stage(tmp_path, (host("a"),), addresses=2) as on:
        for text in ("bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu", "nonsense"):
            with pytest.raises(InputError, match="not among those of the wallet"):
                on.wallet.explain(text)


@played
async def test_every_attempt_that_failed_is_told_with_its_reason_and_time(tmp_path: Path) -> None:
    hosts = (host("bad"), host("good", rate=100))
    async with stage(tmp_path, hosts, faults={"bad": [script(Fault.SERVER_ERROR)]}, addresses=30) as on:
        await on.scan()
        (failed,) = [found for i in range(30) if (found := only(on, i)).attempts]
        assert [(each.provider, each.code) for each in failed.attempts] == [("bad", "server_error")]
        assert failed.attempts[0].at < str(failed.balance.observed_at)
        assert why(failed)["bad"].startswith("failed 1 times in the last scan, at last: ") or failed.balance.source == "bad"
        await on.scan()
        assert not any(only(on, i).attempts for i in range(30)), "those of the last scan alone are kept"


@played
async def test_a_gap_is_told_with_every_providers_reason_and_all_its_attempts(tmp_path: Path) -> None:
    hosts = (host("a"), host("b"))
    async with stage(tmp_path, hosts, addresses=10, outage_limit=20.0) as on:
        on.city.set_faults({each.name: [poison(on.world["btc"].address(7), Fault.SERVER_ERROR)] for each in hosts})
        await on.scan()
        found = only(on, 7)
        assert found.gap is not None
        assert found.balance.state is BalanceState.UNREAD
        assert {each.provider for each in found.attempts} == {"a", "b"}
        assert len(found.attempts) >= found.gap.attempts > 2, "the final pass's stand behind those before it"
        assert [each.at for each in found.attempts] == sorted(each.at for each in found.attempts)


@played
async def test_a_dispute_is_told_with_all_answers(tmp_path: Path) -> None:
    hosts = (host("liar"), host("honest"))
    async with stage(tmp_path, hosts, faults={"liar": [Rule(faults=(Fault.FALSE_ZEROS,), items=0.5)]}, addresses=30) as on:
        await on.scan(audit=100)
        index = next(row.index for row in on.wallet.balances() if row.state is BalanceState.DISPUTED)
        found = only(on, index)
        assert found.audit is not None
        assert (found.audit.outcome, found.audit.current, found.audit.scan_id) == (AuditOutcome.DISPUTED, True, 1)
        assert found.audit.answers == found.balance.answers
        assert len(found.audit.answers) == 3, "the first was asked again"
        assert all(" in scan " in text for text in why(found).values())
        empty = next(row for row in on.wallet.balances() if row.operators == 2 and (row.amount, row.unconfirmed) == ("0", "0"))
        assert only(on, empty.index).audit is None, "of a zero that was expected only who agreed is kept"
        told = why(only(on, empty.index))
        assert told.pop(str(empty.source)) == "gave the amount that stands"
        assert set(told.values()) == {"said the same as who gave the amount that stands"}
        calm = next(row.index for row in on.wallet.balances() if row.operators == 2 and row.amount != "0")
        audit = only(on, calm).audit
        assert audit is not None
        assert (audit.outcome, audit.current) == (AuditOutcome.CONFIRMED, True)
        on.city.set_faults("none")
        await on.scan()
        later = only(on, index)
        assert later.audit is not None
        assert (later.audit.scan_id, later.audit.outcome) == (2, AuditOutcome.CONFIRMED)
        assert later.balance.operators == 2
        assert later.balance.state is BalanceState.READ


@played
async def test_why_somebody_was_not_asked(tmp_path: Path) -> None:
    hosts = (host("one", operator="Acme"), host("two", operator="ACME"), host("broken"), host("other", rate=400))
    off = Endpoint("keyed", "btc", ("esplora",), "https://h.example/${K}", 1.0, disabled="off until K is set")
    faults = {"broken": [always(Fault.WRONG_CHAIN)]}
    async with stage(tmp_path, hosts, faults=faults, addresses=60, more=(off,)) as on:
        await on.scan(audit=100)
        found = next(
            each
            for i in range(60)
            if (each := only(on, i)).audit and each.audit.answers[0].source == "one" and len(each.audit.answers) == 2
        )
        told = why(found)
        assert told["two"] == "not asked: it belongs to the operator of one, and another operator's word was wanted"
        assert told["broken"].startswith("not asked: it is quarantined: ")
        assert told["keyed"] == "not asked: it is off: off until K is set"
        assert " in scan " in told["other"]


@played
async def test_who_cannot_read_tokens_says_so(tmp_path: Path) -> None:
    both = (BSC[0], etherscan("scan"), host("rpc", "bsc"))
    async with stage(tmp_path, both, addresses=10) as on:
        await on.scan()
        found = on.wallet.explain(on.world["bsc"].address(1))
        assert [each.balance.asset for each in found] == ["BNB", "USDC", "USDT"]
        assert all(each.balance.state is BalanceState.READ for each in found)
        assert on.wallet.explain(on.world["bsc"].address(1).lower(), chain="bsc") == found, "in any case of letters"
