import pytest

from hdscan.chains import Script
from hdscan.keys.account import of_key
from hdscan.model.errors import HdscanError
from tests.keys.given import BSC, BTC, TRON, repeats
from tests.keys.test_descriptor import CHANGE, ORIGIN, RECEIVE, XPUB, ZPUB, options
from tests.keys.test_extended import versioned


def addresses(expression: str, **chosen: object) -> dict[tuple[str, str, str], str]:
    wallet = of_key(expression, options(BTC, BSC, TRON, **chosen))  # type: ignore[arg-type] # any of them
    return {(branch.chain, branch.style, branch.role): branch.addresses[0] for branch in wallet.branches}


@pytest.mark.parametrize("text", [ZPUB, f"{ORIGIN}{XPUB}", f"{ORIGIN}{XPUB}/0/*", f"{XPUB}/**"])
def test_a_key_gives_the_receiving_and_change_addresses_of_its_script(text: str) -> None:
    found = addresses(text, script=Script.P2WPKH)
    assert found == {("btc", "bip84", "receive"): RECEIVE, ("btc", "bip84", "change"): CHANGE}


def test_a_key_without_script_is_looked_at_in_all_of_them_and_that_is_said() -> None:
    wallet = of_key(XPUB, options())
    assert [branch.style for branch in wallet.branches] == [
        style for style in ("bip84", "bip49", "bip44", "bip86") for _ in range(2)
    ]
    assert "all are looked at" in wallet.said[1]


def test_a_key_of_an_evm_path_is_of_every_evm_chain_and_of_tron_s_of_tron() -> None:
    assert {chain for chain, _, _ in addresses(f"[73c5da0a/44h/60h/0h]{XPUB}")} == {"bsc"}
    assert {chain for chain, _, _ in addresses(f"[73c5da0a/44h/195h/0h]{XPUB}")} == {"tron"}


def test_a_key_of_a_multisig_wallet_is_refused_alone() -> None:
    text = versioned(ZPUB, 0x02AA7ED3)
    with pytest.raises(HdscanError, match="give the wallet's descriptor") as caught:
        of_key(text, options())
    assert not repeats(caught.value, text, 8)
