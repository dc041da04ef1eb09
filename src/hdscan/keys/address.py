"""Makes an address canonical and tells of which chains it is, or says what is wrong with it."""

import re
from collections.abc import Iterable, Iterator, Sequence

from hdscan.chains import FAMILIES, family_of
from hdscan.chains.bitcoin import OWN, base58check, params_of
from hdscan.chains.tron import PREFIX as TRON_PREFIX
from hdscan.keys.secret import recognise
from hdscan.model.chain import Chain, Family
from hdscan.model.errors import InputError

_SEGWIT = re.compile(r"([a-zA-Z]{1,10})1[ac-hj-np-z02-9]{8,}", re.IGNORECASE)
_OTHER_NETWORKS = tuple(f"{hrp}1" for params in OWN.values() for hrp in params.hrps)
_TRON_HEX = re.compile(r"41[0-9a-fA-F]{40}")


def canonical(chain: Chain, text: str) -> str:
    """The one form in which an address of this chain is kept.

    Raises InputError, whose sentence never holds the text; it recognises secrets and addresses of other families.
    """
    own = family_of(chain)
    try:
        return own.canonical(chain, text)
    except InputError:
        if secret := recognise(text):
            raise InputError(secret) from None
        other = next((family for family in FAMILIES.values() if family.form.fullmatch(text)), None)
        if other and not own.form.fullmatch(text):
            raise InputError(f"looks like {other.article} address where {own.article} address is expected") from None
        raise


def forms(chains: Iterable[Chain], text: str) -> Iterator[tuple[Chain, str]]:
    """The chains that an address could be of, with its canonical form on each."""
    for chain in chains:
        try:
            yield chain, canonical(chain, text)
        except InputError:
            continue


class Places:
    """Tells of which of some chains an address is: of every EVM chain, or of one.

    Of several chains that have the same prefix or version byte it is the one that has it first in its row, Bitcoin before its
    likes, else the first of the configuration; `shared` counts these addresses by the ids of the chains.
    """

    def __init__(self, chains: Sequence[Chain]) -> None:
        self.chains = tuple(chains)
        self.evm = tuple(chain for chain in chains if chain.family is Family.EVM)
        self.shared: dict[tuple[str, ...], int] = {}
        self._only = chains[0] if len(chains) == 1 else None
        self._evm_ids = tuple(chain.id for chain in self.evm)
        coins = sorted((c for c in chains if c.family is Family.BITCOIN), key=lambda chain: chain.params is not None)
        self._coins = coins
        self._hrps = _grouped((hrp, chain) for chain in coins for hrp in params_of(chain).hrps)
        firsts = ((version, chain) for chain in coins for version in (*params_of(chain).p2pkh[:1], *params_of(chain).p2sh[:1]))
        rest = ((version, chain) for chain in coins for version in (*params_of(chain).p2pkh[1:], *params_of(chain).p2sh[1:]))
        self._tron = [chain for chain in chains if chain.family is Family.TRON]
        self._versions = _grouped([*firsts, *rest, *((TRON_PREFIX[0], chain) for chain in self._tron)])
        self._solana = [chain for chain in chains if chain.family is Family.SOLANA]

    def find(self, text: str) -> tuple[str, tuple[str, ...]]:
        """The canonical form of an address, and the ids of its chains; InputError as by `canonical`."""
        if self._only is not None:
            return canonical(self._only, text), (self._only.id,)
        if self.evm and text[:2] == "0x":
            return canonical(self.evm[0], text), self._evm_ids
        fitting = self._fitting(text)
        if not fitting:
            raise InputError(self._refusal(text))
        chain = fitting[0]
        found = canonical(chain, text)
        if len(fitting) > 1:
            ids = tuple(each.id for each in fitting)
            self.shared[ids] = self.shared.get(ids, 0) + 1
        return found, (chain.id,)

    def _fitting(self, text: str) -> Sequence[Chain]:
        if fitting := self._hrps.get(text.partition("1")[0].lower()):
            return fitting
        if data := base58check(text):
            return self._versions.get(data[0], ())
        if self._tron and _TRON_HEX.fullmatch(text):
            return self._tron
        return self._solana if self._solana and _is(self._solana[0], text) else ()

    def _refusal(self, text: str) -> str:
        """What is wrong with a text that is an address of none of the chains."""
        if secret := recognise(text):
            return secret
        if not text:
            return "is empty"
        rest = [chain for chain in self.chains if chain not in self._coins]
        own = [chain for chain in (*self._coins, *rest) if family_of(chain).form.fullmatch(text)]
        if not own and (base58check(text) or text.lower().startswith(_OTHER_NETWORKS)):
            own = self._coins
        for chain in own:
            try:
                canonical(chain, text)
            except InputError as error:
                return str(error)
        if segwit := _SEGWIT.fullmatch(text):
            return f"has the prefix {segwit[1].lower()}1, which no chain here has"
        other = next((family for family in FAMILIES.values() if family.form.fullmatch(text)), None)
        where = "a chain that is configured, or chosen with --chain"
        return f"looks like {other.article} address, and not like one of {where}" if other else f"is no address of {where}"


def every_evm(count: int, chains: Iterable[Chain]) -> str:
    """Says that so many addresses are taken for every EVM chain."""
    return f"0x… addresses ({count:,}) are taken for {', '.join(chain.id for chain in chains)}: --chain chooses"


def _grouped(pairs: Iterable[tuple[str | int, Chain]]) -> dict[str | int, list[Chain]]:
    found: dict[str | int, list[Chain]] = {}
    for key, chain in pairs:
        if chain not in found.setdefault(key, []):
            found[key].append(chain)
    return found


def _is(chain: Chain, text: str) -> bool:
    try:
        family_of(chain).canonical(chain, text)
    except InputError:
        return False
    return True
