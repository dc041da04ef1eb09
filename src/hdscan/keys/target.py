"""Decides which chains a key is for, by what is asked for, its origin, or its prefix (the rule of docs/wallets.md)."""

from hdscan.chains import family_of
from hdscan.keys.extended import HARDENED, ExtendedKey
from hdscan.keys.options import Options
from hdscan.model.chain import Chain, Family, Network
from hdscan.model.errors import InputError, KeyFault

PURPOSES = (44, 45, 48, 49, 84, 86, 87)  # of origins whose second step is a coin type (BIP-43)
_SYMBOLS = {"Ltub": "LTC", "Mtub": "LTC", "ttub": "LTC", "dgub": "DOGE", "tgub": "DOGE"}
_BITCOIN = (0, 1)


def coin_of(origin: tuple[int, ...]) -> int | None:
    """The coin type that a path names (BIP-44), None if it names none."""
    if len(origin) > 1 and origin[0] - HARDENED in PURPOSES and origin[1] >= HARDENED:
        return origin[1] - HARDENED
    return None


def chains_of(options: Options, key: ExtendedKey, coin: int | None) -> tuple[tuple[Chain, ...], tuple[str, ...]]:
    """The chains that a key is for, and what was decided for want of knowing.

    `coin` is the coin type of its origin. Raises KeyFault or InputError, which never repeat the key.
    """
    if chosen := options.chosen():
        for chain in chosen:
            check(chain, key)
        return chosen, ()
    fitting = [chain for chain in options.chains.values() if _fits(chain, key, coin)]
    if not fitting:
        networks = {chain.network for chain in options.chains.values()}
        if key.network not in networks and (coin is None or coin in _BITCOIN):
            here = " and ".join(sorted(networks))
            raise KeyFault(_other_network(key, f"this is {here}"))
        what = f"a key of coin type {coin}" if coin is not None else key.named
        raise KeyFault(f"{what} is of no chain that is configured; --chain says which one is meant")
    if fitting[0].family is not Family.BITCOIN:
        return tuple(fitting), ()
    first = fitting[0]
    said = ""
    if coin is None and key.coin is None:
        said = f"{key.named} does not say which coin it is of: taken for {first.id} (--chain for another)"
    elif len(fitting) > 1:
        others = ", ".join(chain.id for chain in fitting[1:])
        said = f"taken for {first.id}; --chain says if it is of another ({others})"
    return (first,), (said,) if said else ()


def _fits(chain: Chain, key: ExtendedKey, coin: int | None) -> bool:
    family = family_of(chain)
    if family.only_hardened:
        return False
    if symbol := _SYMBOLS.get(key.prefix):
        return chain.symbol == symbol and chain.network is key.network and chain.family is Family.BITCOIN
    own = family.params(chain).coin_type
    if chain.family is not Family.BITCOIN:
        return coin == own and key.prefix == "xpub"
    if chain.network is not key.network:
        return False
    return own == coin if coin not in (None, *_BITCOIN) else chain.params is None


def check(chain: Chain, key: ExtendedKey) -> None:
    """Raise KeyFault or InputError unless a key may be of this chain."""
    family = family_of(chain)
    if family.only_hardened:
        raise InputError(
            f"{chain.id} has no extended public keys (ed25519 has hardened children only): add its addresses or the mnemonic"
        )
    coin = family.params(chain).coin_type
    if key.coin is not None and key.coin != coin:
        raise KeyFault(f"{key.named} is of another coin than {chain.id}")
    if chain.family is not Family.BITCOIN:
        if key.prefix != "xpub" and (key.prefix, chain.network) != ("tpub", Network.TESTNET):
            account = f"m/44'/{coin}'/0'"
            raise KeyFault(f"{key.named} is not of {family.article} chain: give the xpub of the account {account}")
    elif key.network is not chain.network:
        raise KeyFault(_other_network(key, f"{chain.id} is of {chain.network}"))


def _other_network(key: ExtendedKey, here: str) -> str:
    return f"{key.named} is of {key.network}, and {here}: set HDSCAN_NETWORK={key.network} for it"
