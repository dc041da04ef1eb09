"""Branches of a simulated wallet: addresses that a seed makes, some of them used, and what must be found of them."""

import hashlib
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import msgspec

from hdscan.model.wallet import Branch, Found, Role, WalletKind
from hdscan.sim.family import FAMILIES
from hdscan.sim.world import World


class BranchPlan(msgspec.Struct, frozen=True, omit_defaults=True):
    """The positions that are used: those that hold something, those that were `emptied`, and those used `later`.

    These are emptied ones too, whose use begins with the `late`-th call for balances of the chain.
    """

    chain: str
    held: tuple[int, ...] = ()
    emptied: tuple[int, ...] = ()
    later: tuple[int, ...] = ()
    late: int = 0
    gap: int = 20
    change: bool = False
    account: int = 0
    dormant: bool = False
    stored: int = 20  # addresses that are there before the first scan

    @property
    def used(self) -> set[int]:
        """The positions that are used from the beginning."""
        return {*self.held, *self.emptied}


def last_used(used: Collection[int], gap: int) -> int:
    """The last used position by the gap rule, -1 where there is none."""
    last = -1
    for position in sorted(used):
        if position - last > gap:
            break
        last = position
    return last


class Branches:
    """The branches of a world, by number; a branch's source is its number."""

    def __init__(self, world: World, plans: Sequence[BranchPlan]) -> None:
        self.world, self.plans = world, plans

    def derive(self, chain: str, source: str, start: int, count: int) -> list[str]:
        """The addresses of a branch, as the product asks for them."""
        form = FAMILIES[self.world[chain].family]
        raws = (hashlib.blake2b(f"{self.world.seed}/{source}/{at}".encode()).digest() for at in range(start, start + count))
        return [form.encode(raw[: form.key_length], self.world[chain].chain) for raw in raws]

    def address(self, number: int, position: int) -> str:
        """The address of a branch at a position."""
        return self.derive(self.plans[number].chain, str(number), position, 1)[0]

    def found(self) -> Found:
        """The wallet of all branches."""
        return Found(
            kind=WalletKind.KEY, what="a key", branches=tuple(self._branch(number) for number in range(len(self.plans)))
        )

    def _branch(self, number: int) -> Branch:
        plan = self.plans[number]
        return Branch(
            chain=plan.chain,
            role=Role.CHANGE if plan.change else Role.RECEIVE,
            style="bip44",
            account=plan.account,
            path=f"m/44'/0'/{plan.account}'/{int(plan.change)}/{{}}",
            source=str(number),
            addresses=() if plan.dormant else tuple(self.derive(plan.chain, str(number), 0, plan.stored)),
            gap=plan.gap,
            dormant=plan.dormant,
        )

    def begin(self) -> None:
        """Put into the world what is used from the beginning."""
        for number, plan in enumerate(self.plans):
            world = self.world[plan.chain]
            symbol = world.chain.symbol
            held = {self.address(number, at): {symbol: 1000 + at, "used": 1} for at in plan.held}
            emptied = {self.address(number, at): {"used": 2} for at in plan.emptied}
            later = {self.address(number, at): {"used": 0} for at in plan.later}  # what moves until then is known now
            world.state(later | held | emptied)

    def go_on(self, chain: str, calls: int) -> None:
        """So many calls for balances of a chain were made: what is used later may be used now."""
        for number, plan in enumerate(self.plans):
            if plan.chain == chain and plan.later and calls == plan.late:
                self.world[chain].state({self.address(number, at): {"used": 2} for at in plan.later})

    def awake(self, used: Sequence[int]) -> Iterator[int]:
        """The numbers of the branches that are looked at, where so many positions are used of each."""
        for number, plan in enumerate(self.plans):
            before = (n for n, p in enumerate(self.plans) if (p.chain, p.account) == (plan.chain, plan.account - 1))
            if not plan.dormant or any(used[n] >= 0 for n in before):
                yield number

    def broken(self, states: Sequence[Any]) -> str | None:
        """What is wrong with the branches as stored once all was read, in a sentence; `states` are those of the store."""
        by_source = {int(state.source): state for state in states}
        stored = [-1 if by_source[n].used_to is None else by_source[n].used_to for n in range(len(self.plans))]
        awake = set(self.awake(stored))
        for number, plan in enumerate(self.plans):
            state, used_to = by_source[number], stored[number]
            what = f"branch {number} of {plan.chain}"
            if number not in awake:
                if state.length:
                    return f"{what} is of an account that is not looked at, and has {state.length} addresses"
                continue
            if used_to < (last := last_used(plan.used, plan.gap)):
                return f"{what} is used up to {last}, and was found to be used up to {used_to}"
            if used_to >= 0 and used_to not in {*plan.used, *plan.later}:
                return f"{what} is not used at {used_to}, and was found to be"
            if not state.ended:
                return f"{what} has no known end after {used_to} with {state.length} addresses, {state.unknown}"
            if state.length != max(used_to + 1 + plan.gap, 0 if plan.dormant else plan.stored):
                return f"{what} is used up to {used_to}, and {state.length} addresses are stored"
        return None
