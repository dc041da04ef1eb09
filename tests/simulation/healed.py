"""What must be true of a life in the end: in a healed world, and where all are well but for a fifth of their calls."""

from math import ceil
from typing import Any

from hdscan.model.reading import Kind
from hdscan.model.scan import BalanceState, Status
from hdscan.provider.transport import AioTransport
from hdscan.scan.plan import chunk_size
from tests.simulation.watch import Violation


def undecided(life: Any, chain: str) -> bool:
    """Whether there are operators, but not two, nor a trusted one, of which nobody ever heard a false amount."""
    beliefs = life.watch.beliefs[chain]
    well = [site.name for site in life.watch.sites[chain] if site.plan.well and not site.false]
    return bool(beliefs.many and beliefs.one_word(well))


def check_amounts(life: Any) -> None:
    """All is read and true, but for what operators dispute, and first zeros that a liar told."""
    life.watch.committed_now()
    for row in life.store().balances.rows():
        what = f"{row.asset} of {row.chain} address {row.index}"
        true = life.watch.true((row.chain, row.index, row.asset))
        if row.state is not BalanceState.READ:
            doubted = life.watch.beliefs[row.chain].doubted(row.address.lower(), row.asset)
            if undecided(life, row.chain) and (doubted or row.state is not BalanceState.UNREAD):
                continue
            raise Violation("completes", f"{what} is {row.state} in the end")
        if row.amount != str(true) and (row.chain, row.index, row.asset) not in life.watch.excused:
            raise Violation("wrong amount", f"{what}: {row.amount}, not {true}")


def check_branches(life: Any) -> None:
    """Where nobody said anything false: every used address within the gap is found, every end is known."""
    if not life.scenario.branches or any(site.false for sites in life.watch.sites.values() for site in sites):
        return
    records = [record for record in life.latest() if record]
    if all(record.status is Status.COMPLETED for record in records):
        states = [state for record in records for state in life.store().wallets.branches(record.scan_id, record.chain)]
        if why := life.branches.broken(states):
            raise Violation("branches", why)


def check_bound(life: Any) -> None:
    """No more calls than three times what could do for two words each; most of what is held has two operators' word."""
    words = {chain: 1 + beliefs.many for chain, beliefs in life.watch.beliefs.items()}
    least = sum(words[chain] * _fewest_calls(life, chain, count) for chain, count in life.scenario.addresses.items())
    if life.watch.read_calls > 3 * least + 12:
        raise Violation("work", f"{life.watch.read_calls} calls were made where {least} could do")
    life.watch.committed_now()
    for chain, (alone, held) in life.watch.held_on_one_word().items():
        if life.scenario.scan.breaker_threshold > 2 and alone > max(2, held // 2):  # else one failure is enough to be left out
            raise Violation("one word", f"{alone} of {held} amounts of {chain} are one operator's, where all could answer")
    for record in life.latest():
        if record.status not in (Status.COMPLETED, Status.COMPLETED_WITH_GAPS):
            raise Violation("completes", f"{record.chain} ended as {record.status}: {record.error}")


def _fewest_calls(life: Any, chain: str, count: int) -> int:
    upstreams = life.fleet(lambda: 0.0, AioTransport(1.0)).upstreams[chain]  # which asks nobody
    assets = life.settings.assets[chain]
    chunk = chunk_size(upstreams, assets, life.settings.scan.chunk, count)
    provider = upstreams[0].provider
    least = 0
    for first in range(0, count, chunk):
        n = min(chunk, count - first)
        if Kind.MIXED in provider.methods:
            units = n * sum(provider.weight[Kind.NATIVE if a.is_native else Kind.TOKEN] for a in assets)
            least += ceil(units / provider.capacity[Kind.MIXED])
        else:
            least += ceil(n / provider.capacity[Kind.NATIVE])
            if len(assets) > 1:
                least += (len(assets) - 1) * ceil(n / provider.capacity[Kind.TOKEN])
    return least
