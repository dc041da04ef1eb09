"""Explains a reading: its history in the database, and the state of its providers."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from hdscan.app.fleet import idle_fleet
from hdscan.keys.address import forms
from hdscan.model.chain import Chain
from hdscan.model.errors import InputError, ReadCode
from hdscan.model.explain import Explained, Known, ProviderReason
from hdscan.model.reading import Kind
from hdscan.model.scan import Answer, ChainScan, ProviderState, ProviderStatus
from hdscan.pool.upstream import Upstream
from hdscan.settings import Settings
from hdscan.store import Store

OUT = {
    ProviderState.DISABLED: "is off",
    ProviderState.QUARANTINED: "is quarantined",
    ProviderState.STALE: "was set aside",
    ProviderState.PAUSED: "is paused",
    ProviderState.OPEN: "was left alone after failures",
    ProviderState.HALF_OPEN: "was left alone after failures",
}


def explain(
    settings: Settings, store: Store, statuses: Sequence[ProviderStatus], address: str, chains: Iterable[Chain]
) -> list[Explained]:
    """Every reading of an address on these chains, with why each provider was or was not asked.

    InputError where no chain has the address.
    """
    upstreams = {each.name: each for upstreams in idle_fleet(settings).upstreams.values() for each in upstreams}
    found: list[Explained] = []
    for chain, form in forms(chains, address):
        known = store.balances.known(chain.id, form)
        mine = [status for status in statuses if status.chain == chain.id]
        found += _explained(known or (), chain.symbol, store.scans.latest(chain.id), upstreams, mine)
    if not found:
        raise InputError("this address is not among those of the wallets; add it with: hdscan add ADDRESS")
    return found


def _explained(
    known: Iterable[Known],
    native: str,
    record: ChainScan | None,
    upstreams: Mapping[str, Upstream],
    statuses: Sequence[ProviderStatus],
) -> Iterator[Explained]:
    scan_id, status = (record.scan_id, record.status) if record else (None, None)
    for each in known:
        kind = Kind.NATIVE if each.balance.asset == native else Kind.TOKEN
        reasons = tuple(
            ProviderReason(s.name, _operator(upstreams.get(s.name)), s.state, _why(each, kind, s, upstreams)) for s in statuses
        )
        yield Explained(scan_id, status, each.balance, each.gap, each.audit, each.attempts, reasons)


def _operator(upstream: Upstream | None) -> str:
    return "" if upstream is None else upstream.provider.operator


def _why(known: Known, kind: Kind, status: ProviderStatus, upstreams: Mapping[str, Upstream]) -> str:
    """What a provider answered, or why it was not asked."""
    said = [f"said {answer.amount} in scan {scan_id}" for scan_id, answer in _answers(known) if answer.source == status.name]
    if known.balance.source == status.name:
        said.insert(0, "gave the amount that stands")
    elif status.name in known.balance.said_by and not said:
        said.append("said the same as who gave the amount that stands")
    if known.gap is not None and known.gap.code == ReadCode.UNCONFIRMED and status.name in known.gap.providers:
        said.append(known.gap.providers[status.name])
    failed = [attempt for attempt in known.attempts if attempt.provider == status.name]
    if failed:
        said.append(f"failed {len(failed)} times in the last scan, at last: {failed[-1].error}")
    if not said and known.gap is not None and status.name in known.gap.providers and status.state not in OUT:
        said.append(known.gap.providers[status.name])
    return "; ".join(dict.fromkeys(said)) or f"not asked: {_why_not_asked(known, kind, status, upstreams)}"


def _why_not_asked(known: Known, kind: Kind, status: ProviderStatus, upstreams: Mapping[str, Upstream]) -> str:
    upstream = upstreams.get(status.name)
    if upstream is not None and not upstream.serves(kind):
        return f"it cannot read {'native coins' if kind is Kind.NATIVE else 'tokens'}"
    if status.state in OUT:
        return f"it {OUT[status.state]}" + (f": {status.last_error}" if status.last_error else "")
    _, first = next(_answers(known), (0, None))
    if first is not None and upstream is not None and _operator(upstreams.get(first.source)) == upstream.provider.operator:
        return f"it belongs to the operator of {first.source}, and another operator's word was wanted"
    return "others answered first" if known.balance.source or known.balance.answers else "this was not scanned yet"


def _answers(known: Known) -> Iterator[tuple[int, Answer]]:
    """What operators said when several were asked, with the scan in which that was."""
    if known.audit is not None:
        yield from ((known.audit.scan_id, answer) for answer in known.audit.answers)
