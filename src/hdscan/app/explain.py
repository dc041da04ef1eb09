"""Why a reading is what it is: what the database knows of it, beside how its providers stand."""

from collections.abc import Iterable, Iterator, Mapping

from hdscan.model.explain import Explained, Known, Told
from hdscan.model.reading import Kind
from hdscan.model.scan import Answer, ChainScan, ProviderState, ProviderStatus
from hdscan.pool.upstream import Upstream

OUT = {
    ProviderState.DISABLED: "is off",
    ProviderState.QUARANTINED: "is quarantined",
    ProviderState.STALE: "was set aside",
    ProviderState.PAUSED: "is paused",
    ProviderState.OPEN: "was left alone after failures",
    ProviderState.HALF_OPEN: "was left alone after failures",
}


def explain(
    known: Iterable[Known],
    native: str,
    record: ChainScan | None,
    upstreams: Mapping[str, Upstream],
    statuses: Iterable[ProviderStatus],
) -> Iterator[Explained]:
    """Every reading of an address with why each provider was or was not asked; `native` is the symbol of the chain's coin."""
    every = list(statuses)
    for each in known:
        kind = Kind.NATIVE if each.balance.asset == native else Kind.TOKEN
        told = tuple(
            Told(status.name, _operator(upstreams.get(status.name)), status.state, _why(each, kind, status, upstreams))
            for status in every
        )
        yield Explained(
            record.scan_id if record else None,
            record.status if record else None,
            each.balance,
            each.gap,
            each.audit,
            each.attempts,
            told,
        )


def _operator(upstream: Upstream | None) -> str:
    return "" if upstream is None else upstream.provider.operator


def _why(known: Known, kind: Kind, status: ProviderStatus, upstreams: Mapping[str, Upstream]) -> str:
    """What a provider said, or why it was not asked."""
    said = [f"said {answer.amount} when it was audited" for answer in _answers(known) if answer.source == status.name]
    if known.balance.source == status.name:
        said.insert(0, "gave the amount that stands")
    failed = [attempt for attempt in known.attempts if attempt.provider == status.name]
    if failed:
        said.append(f"failed {len(failed)} times in the last scan, at last: {failed[-1].error}")
    return "; ".join(dict.fromkeys(said)) or f"not asked: {_excuse(known, kind, status, upstreams)}"


def _excuse(known: Known, kind: Kind, status: ProviderStatus, upstreams: Mapping[str, Upstream]) -> str:
    upstream = upstreams.get(status.name)
    if upstream is not None and not upstream.serves(kind):
        return f"it cannot read {'native coins' if kind is Kind.NATIVE else 'tokens'}"
    if status.state in OUT:
        return f"it {OUT[status.state]}" + (f": {status.last_error}" if status.last_error else "")
    if known.gap is not None and status.name in known.gap.providers:
        return known.gap.providers[status.name].removeprefix("not asked: ")
    first = next(iter(_answers(known)), None)
    if first is not None and upstream is not None and _operator(upstreams.get(first.source)) == upstream.provider.operator:
        return f"it belongs to the operator of {first.source}, whose word was checked"
    return "others answered first" if known.balance.source or known.balance.answers else "this was not scanned yet"


def _answers(known: Known) -> Iterator[Answer]:
    yield from known.audit.answers if known.audit is not None else ()
