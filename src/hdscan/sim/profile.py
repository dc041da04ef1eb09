"""The fault profiles none, mild and wild, made for a topology from a seed.

Each leaves every chain with a liar two hosts that tell the truth, and tells no lie that a client cannot detect: a false zero
that nobody contradicts is not among them.
"""

import random
from collections.abc import Mapping

import msgspec

from hdscan.model.chain import Family
from hdscan.sim.faults import ITEM_FAULTS, Fault, Rule, always
from hdscan.sim.host import HostSpec

BROKEN = (Fault.SERVER_ERROR, Fault.RESET, Fault.RESET_MID_BODY, Fault.CLOSED_MID_BODY)
GARBLED = (Fault.MALFORMED, Fault.TRUNCATED, Fault.EMPTY_BODY, Fault.EMPTY_OBJECT)
TRANSPORT = (*BROKEN, *GARBLED, Fault.ERROR_OBJECT, Fault.NODE_STATE)
THROTTLED = (
    *(Fault.THROTTLED_SECONDS, Fault.THROTTLED_DATE, Fault.THROTTLED_BARE, Fault.THROTTLED_TEXT, Fault.UNAVAILABLE),
    *(Fault.OVERLOADED, Fault.BUSY_TEXT, Fault.CHALLENGE, Fault.ANSWER_AND_PAUSE),
)
MISPLACED = (Fault.SHORT_LIST, Fault.SHIFTED_LIST, Fault.FOREIGN_ID, Fault.MISSING_ID)
EVM = (*(fault for fault in Fault if fault in ITEM_FAULTS - {Fault.TOKENS_FAIL}), Fault.TOO_LARGE)
ITEMS: Mapping[Family, tuple[Fault, ...]] = {
    Family.BITCOIN: (Fault.EMPTY_OBJECT,),
    Family.EVM: EVM,
    Family.SOLANA: (*MISPLACED, Fault.NULL_RESULT, Fault.TOO_LARGE),
    Family.TRON: EVM,
}


class Profile(msgspec.Struct, frozen=True):
    """The hosts, whose hidden limits a profile may lower, and the rules by host name."""

    hosts: tuple[HostSpec, ...]
    rules: Mapping[str, tuple[Rule, ...]]


Families = Mapping[str, Family]


def none(hosts: tuple[HostSpec, ...], families: Families, seed: int) -> Profile:
    """No faults."""
    return Profile(hosts, {})


def mild(hosts: tuple[HostSpec, ...], families: Families, seed: int) -> Profile:
    """Break about 3 % of the calls and throttle 0.1 % (2 % of hosts with low rates)."""
    rules = {}
    for spec in hosts:
        rules[spec.name] = (
            Rule(faults=THROTTLED, share=0.02 if spec.rate < 50 else 0.001),
            Rule(faults=TRANSPORT, share=0.015),
            Rule(faults=ITEMS[families[spec.chain]], share=0.015),
        )
    return Profile(hosts, rules)


def wild(hosts: tuple[HostSpec, ...], families: Families, seed: int) -> Profile:
    """Break about 12 % of the calls, also by hangs and floods; on chains of three hosts or more, one lies about amounts.

    It is never a Multicall3 host, without which a chain takes minutes. One host of each chain enforces a lower rate than it
    publishes, batch caps are not published, every chain is down for three seconds, and then the tokens of one host fail for
    five.
    """
    dice = random.Random(f"wild/{seed}")  # noqa: S311 - reproducible on purpose
    rules: dict[str, tuple[Rule, ...]] = {}
    played: list[HostSpec] = []
    for chain in dict.fromkeys(spec.chain for spec in hosts):
        mine = [spec for spec in hosts if spec.chain == chain]
        stingy = dice.choice(mine).name
        dispensable = [spec.name for spec in mine if "evm-multicall" not in spec.protocols and spec.name != stingy]
        liar = dice.choice(dispensable) if len(mine) > 2 else None
        lie = dice.choice((Fault.OLD_VALUES, Fault.HIGHER_VALUES))
        dead = dice.uniform(2, 6)
        for spec in mine:
            hidden = spec.rate * 0.8 if spec.name == stingy else None
            played.append(msgspec.structs.replace(spec, hidden_rate=hidden, published_batch=None))
            outage = always(Fault.SERVER_ERROR, Fault.RESET, since=dead, until=dead + 3)
            transport = Rule(faults=(*TRANSPORT, Fault.HANG), share=0.05)
            if spec.name == liar:
                rules[spec.name] = (outage, transport, Rule(faults=(lie,), items=0.5))
                continue
            rules[spec.name] = (
                outage,
                Rule(faults=THROTTLED, share=0.03 if spec.rate < 50 else 0.004),
                transport,
                Rule(faults=(Fault.OVERSIZED,), share=0.002),
                Rule(faults=(Fault.TOKENS_FAIL,), token=True, since=dead + 3, until=dead + 8, share=float(spec.name == stingy)),
                Rule(faults=ITEMS[families[chain]], share=0.06),
            )
    return Profile(tuple(played), rules)


PROFILES = {"none": none, "mild": mild, "wild": wild}
