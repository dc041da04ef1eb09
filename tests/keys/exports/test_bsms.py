"""Descriptor records of BSMS 1.0."""

import pytest

from hdscan.keys.checksum import checksum
from tests.keys.wallets import Signer, address, firsts, multi, only, refusal

SIGNERS = [Signer(seed) for seed in (1, 2, 3)]
PATH = "m/48'/0'/0'/2'"
KEYS = [signer.key(PATH) for signer in SIGNERS]
TEMPLATE = f"wsh(sortedmulti(2,{','.join(f'{signer.origin(PATH)}/**' for signer in SIGNERS)}))"
FIRST = multi("wsh({})", KEYS)[0]


def record(template: str = TEMPLATE, paths: str = "/0/*,/1/*", first: str = FIRST) -> str:
    return f"BSMS 1.0\n{template}\n{paths}\n{first}\n"


@pytest.mark.parametrize("paths", ["/0/*,/1/*", "No path restrictions", "/0/*, /1/*"])
def test_a_descriptor_record_is_a_wallet(paths: str) -> None:
    found = only(record(paths=paths))
    assert firsts(found) == multi("wsh({})", KEYS)
    assert "BSMS" in found.what
    assert firsts(only(record(paths=paths).replace("\n", "\r\n"))) == firsts(found)


def test_other_branches_are_those_of_the_restrictions() -> None:
    keys = ",".join(f"{key}/2/*" for key in KEYS)
    first = address(f"wsh(sortedmulti(2,{keys}))")
    assert only(record(paths="/2/*,/3/*", first=first)).branches[0].addresses[0] == first
    assert "first receiving address" in refusal(record(paths="/2/*,/3/*"), *KEYS)


def test_another_first_address_is_refused() -> None:
    other = multi("wsh({})", KEYS)[1]
    assert "first receiving address" in refusal(record(first=other), *KEYS)
    assert "first receiving address" in refusal(record(first="nothing"), *KEYS)


def test_the_checksum_of_a_template_is_checked() -> None:
    for paths in ("/0/*,/1/*", "/2/*,/3/*", "/0/*"):
        text = record(f"{TEMPLATE}#{checksum(TEMPLATE)}", paths)
        damaged = text.replace(KEYS[0], Signer(4).key(PATH))
        assert "checksum of the descriptor" in refusal(damaged, *KEYS)
    assert firsts(only(record(f"{TEMPLATE}#{checksum(TEMPLATE)}"))) == multi("wsh({})", KEYS)
    explicit = TEMPLATE.replace("/**", "/<0;1>/*")
    assert "checksum of the descriptor" in refusal(record(f"{explicit}#{checksum(TEMPLATE)}", "/2/*,/3/*"), *KEYS)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (record().replace("1.0", "2.0"), "another version"),
        (record().rsplit("\n", 2)[0], "has 3 lines"),
        (record() + "more\n", "has 5 lines"),
        (record(paths="/0/*,/1"), "not written"),
        (record(paths="/0/*,/1/*,/2/*"), "not written"),
        (f"BSMS 1.0\n00\n{SIGNERS[0].origin(PATH)}\nmine\n", "one signer's"),
        (record(template=TEMPLATE.replace(KEYS[0], SIGNERS[0].key(PATH, "xprv"))), "private key"),
        (record(template=TEMPLATE[:-1]), ""),
    ],
)
def test_a_damaged_record_is_refused_without_its_keys(text: str, sentence: str) -> None:
    assert sentence in refusal(text, *KEYS, SIGNERS[0].key(PATH, "xprv"))


def test_a_record_of_one_address_has_that_address() -> None:
    template = TEMPLATE.replace("/**", "/0/0")
    (entry,) = only(record(template, "No path restrictions")).listed
    assert entry.address == FIRST
    other = multi("wsh({})", KEYS)[1]
    assert "first receiving address" in refusal(record(template, "No path restrictions", other), *KEYS)
