"""The truth: addresses and balances of every simulated chain, computed from a seed and never stored.

A keyed hash makes an address of its index, and the key gives the index of an address back: a million addresses need no table,
and foreign addresses, which hold nothing, are recognised.
"""

import hashlib
from collections.abc import Iterator, Mapping
from functools import cached_property, lru_cache

import msgspec
from solders.pubkey import Pubkey

from hdscan.sim.chains import EPOCH, MAINNET, SimChain
from hdscan.sim.family import FAMILIES
from hdscan.sim.holdings import Holdings, TokenAccount

TOKEN = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"
TOKEN_2022 = "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb"
PROGRAMS = (TOKEN, TOKEN_2022)
ATA_PROGRAM = Pubkey.from_string("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL")


class Truth(msgspec.Struct, frozen=True):
    """What a client should read of one address: base units per asset symbol."""

    index: int
    address: str
    amounts: Mapping[str, int]
    unconfirmed: int


Explicit = Mapping[str, Mapping[str, int]]


@lru_cache(65536)
def associated_account(owner: str, mint: str, program: str) -> str:
    """Derive the associated token account (base58) of an owner, mint and token program; 15 µs."""
    seeds = [bytes(Pubkey.from_string(part)) for part in (owner, program, mint)]
    return str(Pubkey.find_program_address(seeds, ATA_PROGRAM)[0])


class ChainWorld:
    """One chain's addresses and balances.

    `count` addresses come from the seed; the share `funded` of each asset's balances is above zero, and a quarter of the other
    addresses was emptied. `explicit` addresses (address -> symbol -> base units, "unconfirmed" for Bitcoin's change, "used" for
    the number of transactions) follow, in any form of the family; an asset that is not named is zero.
    """

    def __init__(self, played: SimChain, seed: int, count: int, funded: float = 0.1, explicit: Explicit | None = None) -> None:
        self.chain, self.assets, self.played = played.chain, played.assets, played
        self.family = played.chain.family
        self.form = FAMILIES[self.family]
        self.count = count
        self._key = hashlib.blake2b(f"{seed}/{played.chain.id}".encode(), digest_size=32).digest()
        self._length = self.form.key_length
        self._threshold = int(funded * 2**32)
        self._zero = Holdings((0,) * len(self.assets))
        self._burnt = Holdings((10**self.chain.decimals, *self._zero.amounts[1:]), transactions=1)
        self._burnt_at = frozenset(map(self.form.fold, played.burnt))
        self._explicit = {self.form.fold(text): self._stated(amounts) for text, amounts in (explicit or {}).items()}
        self._explicit_texts = list(explicit or {})
        self._moves: tuple[tuple[float, int], ...] = ()
        self.holdings = lru_cache(8192)(self._holdings)

    def __len__(self) -> int:
        return self.count + len(self._explicit_texts)

    def address(self, index: int) -> str:
        """The address at an index; IndexError beyond the last."""
        if not 0 <= index < len(self):
            raise IndexError(index)
        if index >= self.count:
            return self._explicit_texts[index - self.count]
        number = index.to_bytes(8, "big")
        tag = self._tag(number)
        return self.form.encode(tag + self._mask(tag, number), self.chain)

    def addresses(self) -> Iterator[str]:
        return (self.address(index) for index in range(len(self)))

    def next_to(self, text: str) -> str:
        """The address after one from the seed (the first after the last); any other is returned itself."""
        index = self._index(text)
        return text if index is None else self.address((index + 1) % self.count)

    def owns(self, text: str) -> bool:
        """Whether an address (EVM: in any case) belongs to this world."""
        return self.form.fold(text) in self._explicit or self._index(text) is not None

    def valid(self, text: str) -> bool:
        """Whether a text is an address of this chain, of this world or not."""
        return self.form.fold(text) in self._explicit or self._decode(text) is not None

    def truth(self) -> Iterator[Truth]:
        """What every address holds, by index."""
        for index, text in enumerate(self.addresses()):
            held = self._holdings(text)
            yield Truth(index, text, {a.symbol: n for a, n in zip(self.assets, held.amounts, strict=True)}, held.unconfirmed)

    def move(self, share: float, seed: int) -> None:
        """Change a share of all balances, chosen by `seed`: spent, spent in part, or received."""
        self._moves += ((share, seed),)
        self._forget()

    def state(self, explicit: Explicit) -> None:
        """From now on these addresses hold and had what is stated, as explicit ones; those that are new come last.

        Moves until now count for them too.
        """
        self._explicit_texts += [text for text in explicit if not self.owns(text)]
        self._explicit |= {self.form.fold(text): self._stated(amounts) for text, amounts in explicit.items()}
        self._forget()

    def before(self, text: str) -> Holdings:
        """What an address held before the last move."""
        return self._moved(text, self._moves[:-1])

    def contract(self, at: int) -> tuple[str, int]:
        """The symbol and decimals that the contract or mint of the `at`-th asset states."""
        asset = self.assets[at]
        return self.played.contracts.get(asset.symbol, (asset.symbol, asset.decimals))

    def program(self, at: int) -> str:
        """The token program of the `at`-th asset (Solana): mints take turns."""
        return PROGRAMS[(at - 1) % len(PROGRAMS)]

    def height(self, now: float) -> int:
        """The head (block or slot) at a time in unix seconds."""
        return self.played.height + int((now - EPOCH) / self.played.interval)

    @cached_property
    def accounts(self) -> Mapping[str, TokenAccount]:
        """Every existing token account (Solana), by its address."""
        accounts = {}
        mints = [(at, asset.contract) for at, asset in enumerate(self.assets) if asset.contract is not None]
        for owner in self.addresses():
            held = self._holdings(owner)
            for at, mint in mints:
                if held.amounts[at] or held.noise >> (6 * at) & 15 == 1:  # some are open and empty
                    program, rest = self.program(at), held.amounts[at] // 2 if self.played.auxiliary else 0
                    place = associated_account(owner, mint, program)
                    accounts[place] = TokenAccount(owner, mint, program, held.amounts[at] - rest)
                    if rest:
                        accounts[associated_account(place, mint, program)] = TokenAccount(owner, mint, program, rest)
        return accounts

    @cached_property
    def accounts_of(self) -> Mapping[tuple[str, str], list[str]]:
        """The addresses of the token accounts (Solana) of each owner under each token program."""
        found: dict[tuple[str, str], list[str]] = {}
        for address, account in self.accounts.items():
            found.setdefault((account.owner, account.program), []).append(address)
        return found

    @cached_property
    def owners(self) -> Mapping[str, tuple[str, str]]:
        """The (owner, token symbol) of each associated account (Solana), existing or not: four for an address."""
        return {
            associated_account(owner, asset.contract, program): (owner, asset.symbol)
            for owner in self.addresses()
            for asset in self.assets
            if asset.contract is not None
            for program in PROGRAMS
        }

    def _forget(self) -> None:
        """Work out again what was worked out of the addresses."""
        self.holdings.cache_clear()
        for name in ("accounts", "accounts_of", "owners"):
            self.__dict__.pop(name, None)

    def _holdings(self, text: str) -> Holdings:
        return self._moved(text, self._moves)

    def _moved(self, text: str, moves: tuple[tuple[float, int], ...]) -> Holdings:
        held = self._first(text)
        if not moves or held is self._zero or held is self._burnt:  # a foreign address
            return held
        amounts, index = list(held.amounts), self._index(text)
        name = self.form.fold(text) if index is None else index
        for share, seed in moves:
            for at, amount in enumerate(amounts):
                draw = hashlib.blake2b(f"{seed}/{name}/{at}".encode(), key=self._key, digest_size=8).digest()
                if int.from_bytes(draw[:4], "big") < share * 2**32:
                    received = amount + 1 + int.from_bytes(draw[5:], "big")
                    amounts[at] = (0, amount // 2, received, received)[draw[4] % 4] if amount else received
        moved = sum(before != after for before, after in zip(held.amounts, amounts, strict=True))
        return Holdings(tuple(amounts), max(held.unconfirmed, -amounts[0]), held.noise, held.transactions + moved)

    def _first(self, text: str) -> Holdings:
        if self._explicit and (stated := self._explicit.get(self.form.fold(text))) is not None:
            return stated
        index = self._index(text)
        if index is not None:
            return self._seeded(index)
        return self._burnt if self.form.fold(text) in self._burnt_at else self._zero

    def _seeded(self, index: int) -> Holdings:
        dice = hashlib.shake_128(self._key + index.to_bytes(8, "big")).digest(16 + 16 * len(self.assets))
        amounts, bits = [], self.form.amount_bits
        for at in range(16, len(dice), 16):
            if int.from_bytes(dice[at : at + 4], "big") >= self._threshold:
                amounts.append(0)
                continue
            top = dice[at + 4] % bits
            amounts.append(1 << top | int.from_bytes(dice[at + 5 : at + 16], "big") & ((1 << top) - 1))
        noise = int.from_bytes(dice[:4], "big")
        unconfirmed = 0
        if self.form.unconfirmed and dice[4] < 10:
            change = 1 + int.from_bytes(dice[5:8], "big")
            unconfirmed = -min(change, amounts[0]) if amounts[0] and dice[8] & 1 else change
        transactions = 1 + (noise & 15) if any(amounts) or noise & 3 == 0 else 0
        return Holdings(tuple(amounts), unconfirmed, noise, transactions)

    def _stated(self, amounts: Mapping[str, int]) -> Holdings:
        if unknown := set(amounts) - {asset.symbol for asset in self.assets} - {"unconfirmed", "used"}:
            raise ValueError(f"{self.chain.id} has no {', '.join(sorted(unknown))}")
        held = tuple(amounts.get(asset.symbol, 0) for asset in self.assets)
        return Holdings(held, amounts.get("unconfirmed", 0), transactions=max(amounts.get("used", 0), int(any(held))))

    def _tag(self, number: bytes) -> bytes:
        return hashlib.blake2b(number, key=self._key, digest_size=self._length - 8).digest()

    def _mask(self, tag: bytes, number: bytes) -> bytes:
        pad = hashlib.blake2b(tag, key=self._key, digest_size=8).digest()
        return (int.from_bytes(pad, "big") ^ int.from_bytes(number, "big")).to_bytes(8, "big")

    def _index(self, text: str) -> int | None:
        raw = self._decode(text)
        if raw is None or len(raw) != self._length:
            return None
        tag = raw[:-8]
        number = self._mask(tag, raw[-8:])
        index = int.from_bytes(number, "big")
        return index if self._tag(number) == tag and index < self.count else None

    def _decode(self, text: str) -> bytes | None:
        try:
            return self.form.decode(text, self.chain)
        except ValueError:
            return None


class World:
    """All simulated chains; the same seed, counts and share give the same world in every process."""

    def __init__(
        self,
        seed: int = 1,
        addresses: int | Mapping[str, int] = 100,
        *,
        funded: float = 0.1,
        chains: tuple[SimChain, ...] = MAINNET,
        explicit: Mapping[str, Explicit] | None = None,
    ) -> None:
        self.seed = seed
        self.chains: dict[str, ChainWorld] = {}
        for played in chains:
            name = played.chain.id
            count = addresses if isinstance(addresses, int) else addresses.get(name, 0)
            self.chains[name] = ChainWorld(played, seed, count, funded, (explicit or {}).get(name))

    def __getitem__(self, chain: str) -> ChainWorld:
        return self.chains[chain]

    def move(self, share: float, seed: int = 1) -> None:
        """Change a share of the balances of every chain, the same ones in every process (see ChainWorld)."""
        for chain in self.chains.values():
            chain.move(share, seed)

    def truth(self) -> dict[tuple[str, int, str], int]:
        """Every balance: (chain, index, asset symbol) -> confirmed base units."""
        return {
            (name, row.index, symbol): amount
            for name, chain in self.chains.items()
            for row in chain.truth()
            for symbol, amount in row.amounts.items()
        }
