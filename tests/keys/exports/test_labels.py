"""Labels of addresses."""

import json

from hdscan.keys.listing import MAX_LABEL
from hdscan.model.wallet import Label
from tests.keys.wallets import Signer, only, refusal

ADDRESS = "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu"


def lines(*entries: object) -> str:
    return "\n".join(json.dumps(entry) for entry in entries) + "\n"


def test_labels_of_addresses_are_kept_and_others_counted() -> None:
    found = only(
        lines(
            {"type": "tx", "ref": "ab" * 32, "label": "paid", "origin": "wpkh([d34db33f/84'/0'/0'])"},
            {"type": "addr", "ref": ADDRESS.upper(), "label": "rent\t2024\u0007"},
            {"type": "output", "ref": "ab" * 32 + ":1", "label": "x", "spendable": False},
            {"type": "xpub", "ref": "xpub661MyMwAq", "label": "x"},
            {"type": "addr", "ref": "nothing", "label": "y"},
            {"type": "addr", "ref": ADDRESS},
        )
    )
    assert found.labels == (Label(ADDRESS, "rent 2024"),)
    assert found.branches == ()
    assert found.said == (
        "4 labels that are of no address are left out",
        "1 labels are of addresses that no configured chain has, and are left out",
    )


def test_a_label_alone_is_read() -> None:
    text = lines({"type": "addr", "ref": ADDRESS, "label": "a"})
    assert only(text).labels == only(text + "\n\n" + text[:-1]).labels[:1] == (Label(ADDRESS, "a"),)


def test_a_long_label_is_cut_and_a_key_in_one_is_masked() -> None:
    (long,) = only(lines({"type": "addr", "ref": ADDRESS, "label": "Room, " * 1000})).labels
    assert len(long.text) == MAX_LABEL
    (label,) = only(lines({"type": "addr", "ref": ADDRESS, "label": f"from {Signer(1).key('m')} to {ADDRESS}"})).labels
    assert label.text == f"from … to {ADDRESS}"


def test_a_line_that_is_no_label_is_named() -> None:
    good = {"type": "addr", "ref": ADDRESS, "label": "a"}
    assert "line 2" in refusal(lines(good, {"type": "strange", "ref": "x"}))
    assert "line 3" in refusal(lines(good, good) + '{"type": "addr", "ref": "bc1')
