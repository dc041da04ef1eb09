"""What a user says of a source of addresses, beside the source itself."""

from collections.abc import Mapping

import msgspec

from hdscan.chains import Script
from hdscan.model.chain import Chain
from hdscan.model.wallet import GAP


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """The chains that are configured, in order, and what was chosen; None and () where nothing was.

    `only` are the ids of the chains that a source is for, `path` a style's name (`bip44`, `ledger-live`), `accounts` how many
    are looked at whatever is found, `count` how many addresses of a branch are given at once (default `gap`), and with `forget`
    nothing is kept that more could be derived from.
    """

    chains: Mapping[str, Chain]
    only: tuple[str, ...] = ()
    script: Script | None = None
    path: str | None = None
    accounts: int | None = None
    gap: int = GAP
    count: int | None = None
    forget: bool = False
