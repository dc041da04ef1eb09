"""The styles of derivation path that the wallets of a chain have, by the names that users choose them by."""

from collections.abc import Mapping

from hdscan.chains import Script, family_of
from hdscan.keys.options import Options
from hdscan.model.chain import Chain, Family
from hdscan.model.errors import InputError

BIP44 = "bip44"  # m/44'/coin'/account'/0/i
BIP44_CHANGE = "bip44-change"  # m/44'/501'/i'/0', of Phantom and Solflare
LEDGER_LIVE = "ledger-live"  # m/44'/60'/i'/0/0
LEDGER_LEGACY = "ledger-legacy"  # m/44'/60'/0'/i, of Ledger's Chrome application and MyEtherWallet
SOLLET_LEGACY = "sollet-legacy"  # m/501'/i'/0/0, of Sollet before it knew of BIP-44

BY_SCRIPT = {Script.P2WPKH: "bip84", Script.P2SH_P2WPKH: "bip49", Script.P2PKH: BIP44, Script.P2TR: "bip86"}
_BY_FAMILY: Mapping[Family, tuple[str, ...]] = {
    Family.EVM: (BIP44, LEDGER_LIVE, LEDGER_LEGACY),
    Family.TRON: (BIP44, LEDGER_LIVE),
    Family.SOLANA: (BIP44_CHANGE, BIP44, SOLLET_LEGACY),
}
METAMASK = "metamask"  # bip44 of EVM chains alone


def styles_of(chain: Chain) -> tuple[str, ...]:
    """The styles of a chain, in the order in which they are looked at."""
    scripts = family_of(chain).purposes(chain)
    return tuple(BY_SCRIPT[script] for script in BY_SCRIPT if script in scripts) if scripts else _BY_FAMILY[chain.family]


def chosen_style(options: Options, chain: Chain) -> str | None:
    """The style that was chosen for a chain, None where none was; InputError unless the chain has it."""
    check_style(options, chain)
    return BIP44 if options.path == METAMASK else options.path


def check_style(options: Options, *chains: Chain) -> None:
    """InputError unless one of these chains has the style that was chosen, if one was."""
    known = dict.fromkeys(name for chain in chains for style in styles_of(chain) for name in _names(chain, style))
    if options.path is not None and options.path not in known:
        raise InputError(f"--path is one of {', '.join(known)} on {', '.join(chain.id for chain in chains)}")


def is_chosen(options: Options, chain: Chain, style: str) -> bool:
    """Whether a style of a chain is to be looked at."""
    return options.path is None or options.path in _names(chain, style)


def _names(chain: Chain, style: str) -> tuple[str, ...]:
    return (style, METAMASK) if style == BIP44 and chain.family is Family.EVM else (style,)
