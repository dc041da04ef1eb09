"""What addresses hold of tokens that are not listed: the latest complete answer, never one that failed or was taken back."""

from pathlib import Path

import msgspec
import pytest

from hdscan.model.audit import Audited, AuditOutcome
from hdscan.model.chain import Asset
from hdscan.model.errors import ReadCode
from hdscan.model.reading import Balance, Unlisted, Unread
from hdscan.model.scan import UnlistedCount
from hdscan.store import Store

from .wallet import (
    BITCOIN,
    BNB,
    BSC,
    BTC,
    NOW,
    USDT,
    WEI,
    begin,
    chunks,
    commit,
    dump,
    failed,
    fill,
    final,
    result,
    said,
    whole,
)

SPAM, DUST = "Spam", "Dust"


def telling(at: float = NOW, source: str = "owner", left_out: int = 0, **units: int) -> Balance:
    """A zero of a listed token, with what the reply says of others."""
    return msgspec.structs.replace(said(0, at, source), unlisted=Unlisted(tuple(units.items()), left_out))


def scanned(store: Store, *tokens: Balance | Unread, now: float = NOW) -> int:
    """A scan in which the USDT of each address ended so."""
    scan_id = begin(store, len(tokens), chunk=len(tokens), now=now)
    for chunk in chunks(store, scan_id):
        commit(store, scan_id, chunk, whole(chunk, {(index, "USDT"): each for index, each in enumerate(tokens)}))
    return scan_id


def told(store: Store) -> dict[tuple[int, str], tuple[str, str, int]]:
    rows = store.balances.unlisted("bsc")
    return {(row.index, row.contract): (row.amount, row.source, row.scan_id) for row in rows}


@pytest.fixture
def wallet(store: Store) -> Store:
    fill(store, 3)
    return store


def test_what_is_told_is_kept_with_its_source_and_in_no_total(wallet: Store) -> None:
    totals = wallet.balances.totals("bsc")
    scan_id = scanned(wallet, telling(Spam=WEI, Dust=1, left_out=7), telling(), said(0))
    assert told(wallet) == {(0, SPAM): (str(WEI), "owner", scan_id), (0, DUST): ("1", "owner", scan_id)}
    (row, _) = wallet.balances.unlisted()
    assert (row.chain, row.height, row.observed_at, row.left_out) == ("bsc", 1000, "2023-11-14T22:13:20.000Z", 7)
    assert wallet.balances.unlisted_count() == UnlistedCount(2, 1, 7)
    assert [(each.asset, each.amount) for each in wallet.balances.totals("bsc")] == [(each.asset, "0") for each in totals]
    assert list(wallet.balances.unlisted("btc")) == []


def test_a_newer_answer_replaces_an_address_and_a_failed_one_does_not(wallet: Store) -> None:
    first = scanned(wallet, telling(Spam=1), telling(Spam=2), telling(Spam=3))
    second = scanned(wallet, telling(NOW + 9, Dust=4), telling(NOW + 9), failed(), now=NOW + 9)
    assert told(wallet) == {(0, DUST): ("4", "owner", second), (2, SPAM): ("3", "owner", first)}
    third = scanned(wallet, said(0, NOW + 19), telling(NOW + 19, Spam=5), failed(), now=NOW + 19)
    assert told(wallet) == {
        (0, DUST): ("4", "owner", second),
        (1, SPAM): ("5", "owner", third),
        (2, SPAM): ("3", "owner", first),
    }


def test_within_a_scan_the_later_answer_counts_whatever_the_order(wallet: Store) -> None:
    scan_id = scanned(wallet, failed(), telling(NOW + 5, Spam=2), failed())
    final(wallet, scan_id, [result(0, "USDT", telling(NOW + 6, Spam=1))])
    audited = Audited(result(1, "USDT", said(0)).reading, AuditOutcome.MOVED, (), telling(NOW + 4, Dust=1))
    wallet.audits.commit(scan_id, "bsc", [audited], now=NOW, seconds=0.0, requests=1)
    assert told(wallet) == {(0, SPAM): ("1", "owner", scan_id), (1, SPAM): ("2", "owner", scan_id)}


def test_what_a_source_said_falls_with_it_and_what_was_known_comes_back(wallet: Store) -> None:
    scanned(wallet, telling(Dust=9), telling(Dust=9), telling(Dust=9))
    first = scanned(wallet, telling(NOW + 1, Spam=1), telling(NOW + 1, Spam=2), telling(NOW + 1, Spam=3), now=NOW + 1)
    liar = [telling(NOW + 9, "liar", Dust=4), telling(NOW + 9, "liar"), telling(NOW + 9)]
    scan_id = scanned(wallet, *liar, now=NOW + 9)
    wallet.audits.retract(scan_id, "bsc", "liar", "it lies", NOW, code=ReadCode.CONTRADICTED, height=1001)
    assert told(wallet) == {(0, DUST): ("4", "liar", scan_id)}
    wallet.audits.retract(scan_id, "bsc", "liar", "it lies", NOW, code=ReadCode.CONTRADICTED)
    assert told(wallet) == {(0, SPAM): ("1", "owner", first), (1, SPAM): ("2", "owner", first)}
    assert wallet.check() == []


def test_a_token_that_is_listed_meanwhile_is_not_among_them(wallet: Store) -> None:
    scan_id = scanned(wallet, telling(Spam=1, Dust=1))
    wallet.register([BTC, BSC], [BITCOIN, BNB, USDT, Asset("bsc", "SPM", 6, SPAM)])
    assert told(wallet) == {(0, DUST): ("1", "owner", scan_id)}
    assert wallet.balances.unlisted_count("bsc") == UnlistedCount(1, 1, 0)


def test_the_stored_answers_to_a_reading_are_about_no_other_token(wallet: Store, path: Path) -> None:
    scan_id = scanned(wallet, said(0))
    answers = telling(NOW, "a", Spam=1), telling(NOW, "b", Spam=2)
    case = Audited(result(0, "USDT", said(0)).reading, AuditOutcome.DISPUTED, answers, None)
    wallet.audits.commit(scan_id, "bsc", [case], now=NOW, seconds=0.0, requests=1)
    (row,) = [row for row in wallet.balances.rows("bsc", "USDT") if row.answers]
    assert [(each.source, each.amount) for each in row.answers or ()] == [("a", "0"), ("b", "0")]
    assert not [line for line in dump(path) if SPAM in line]


def test_an_address_keeps_two_answers_however_often_it_is_read(wallet: Store, path: Path) -> None:
    for at in range(4):
        scanned(wallet, telling(NOW + at, Spam=at + 1), now=NOW + at)
    assert len([line for line in dump(path) if line.startswith('INSERT INTO "unlisted"')]) == 2
