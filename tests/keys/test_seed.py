from hdscan.keys.derive import derive
from hdscan.keys.seed import of_seed
from tests.keys.given import BSC, BTC, SOL, TRON, vectors
from tests.keys.test_descriptor import CHANGE, RECEIVE, options

MNEMONIC = vectors("accounts")["mnemonic"]


def test_a_mnemonic_is_looked_at_in_all_styles_of_all_chains() -> None:
    wallet = of_seed(MNEMONIC, "", options(BTC, BSC, SOL, TRON))
    active = [branch for branch in wallet.branches if not branch.dormant]
    assert {(branch.chain, branch.style) for branch in active} == {
        *(("btc", style) for style in ("bip84", "bip49", "bip44", "bip86")),
        *(("bsc", style) for style in ("bip44", "ledger-live", "ledger-legacy")),
        *(("tron", style) for style in ("bip44", "ledger-live")),
        *(("sol", style) for style in ("bip44-change", "bip44", "sollet-legacy")),
    }
    assert [branch.addresses[0] for branch in active if branch.style == "bip84"] == [RECEIVE, CHANGE]
    dormant = [branch for branch in wallet.branches if branch.dormant]
    assert len(dormant) == 4 * 2 * 19
    assert all(branch.source and not branch.addresses for branch in dormant)
    for branch in active:
        if branch.source:
            chain = {"btc": BTC, "bsc": BSC, "tron": TRON}[branch.chain]
            assert derive(chain, branch.source, 0, 20) == list(branch.addresses)


def test_accounts_that_are_asked_for_are_all_active() -> None:
    wallet = of_seed(MNEMONIC, "", options(accounts=3, only=("btc",)))
    assert [branch.account for branch in wallet.branches if branch.style == "bip84"] == [0, 0, 1, 1, 2, 2]
    assert not any(branch.dormant for branch in wallet.branches)
