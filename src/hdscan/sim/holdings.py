"""What simulated addresses and token accounts hold."""

import msgspec


class Holdings(msgspec.Struct, frozen=True, gc=False):
    """What one address holds: `amounts` in base units, in the order of the chain's assets; `unconfirmed` satoshi (±).

    It was in `transactions` so far, those of the mempool left out: none only where it holds nothing. `noise` is 32 random bits
    for details that change neither (histories, token programs).
    """

    amounts: tuple[int, ...]
    unconfirmed: int = 0
    noise: int = 0
    transactions: int = 0

    @property
    def nonce(self) -> int:
        """How many of the transactions it sent (EVM): all of those of an address that is empty now, of others none or all."""
        return 0 if any(self.amounts) and self.noise & 3 else self.transactions


class TokenAccount(msgspec.Struct, frozen=True, gc=False):
    """A token account that exists: its `owner` and `mint` (base58), token `program`, amount in base units."""

    owner: str
    mint: str
    program: str
    amount: int
