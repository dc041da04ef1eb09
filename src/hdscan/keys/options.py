"""What a user says of a source of addresses, beside the source itself."""

from collections.abc import Mapping

import msgspec

from hdscan.chains import Script
from hdscan.keys.chain_names import ChainNames
from hdscan.model.chain import Chain
from hdscan.model.errors import InputError
from hdscan.model.wallet import GAP


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """The chains that are configured, in order, and what was chosen; None and () where nothing was.

    `only` are the ids of the chains that a source is for (or "evm"), `path` a style's name (`bip44`, `ledger-live`), `accounts`
    how many are looked at whatever is found, `count` how many addresses a branch has at once (default `gap`, 20 or more),
    and with `forget` nothing is kept that more could be derived from.
    """

    chains: Mapping[str, Chain]
    only: tuple[str, ...] = ()
    script: Script | None = None
    path: str | None = None
    accounts: int | None = None
    gap: int = GAP
    count: int | None = None
    forget: bool = False

    @property
    def first(self) -> int:
        """How many addresses a branch is given with."""
        return max(self.gap, GAP) if self.count is None else self.count

    def chosen(self) -> tuple[Chain, ...]:
        """The chains of `only`, in the order of the configuration. Raises InputError for one that is not configured."""
        configured = tuple(self.chains.values())
        names = ChainNames(configured)
        found = [names.find(text) for text in self.only]
        if not all(found):
            raise InputError(f"a chain that is asked for is not configured: there are {', '.join(self.chains)}")
        return tuple(chain for chain in configured if any(chain in chains for chains in found))
