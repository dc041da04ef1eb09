"""Makes a scenario that fails smaller, as long as it fails by the same rule."""

from collections.abc import Iterator
from typing import Any

import msgspec

from tests.simulation.play import Outcome, play
from tests.simulation.scenario import DiskPlan, HostPlan, Run, Scenario

MOST_PLAYS = 400
replace = msgspec.structs.replace


def shrink(scenario: Scenario, outcome: Outcome) -> tuple[Scenario, Outcome]:
    """The smallest scenario found that fails as this one does, and how it fails."""
    plays = 0
    smaller = True
    while smaller and plays < MOST_PLAYS:
        smaller = False
        for candidate in _smaller(scenario):
            plays += 1
            played = _played(candidate)
            if played is not None and played.rule == outcome.rule:
                scenario, outcome, smaller = candidate, played, True
                break
            if plays >= MOST_PLAYS:
                break
    return scenario, outcome


def _played(candidate: Scenario) -> Outcome | None:
    try:
        return play(candidate)
    except Exception:  # a world without a host for something
        return None


def _smaller(scenario: Scenario) -> Iterator[Scenario]:
    """What is less, the largest steps first."""
    for chain in scenario.addresses:
        if len(scenario.addresses) > 1:
            rest = {name: count for name, count in scenario.addresses.items() if name != chain}
            yield replace(scenario, addresses=rest, hosts=tuple(h for h in scenario.hosts if h.spec.chain != chain))
    for at, host in enumerate(scenario.hosts):
        # somebody must be there who is well in the end
        if any(other.spec.chain == host.spec.chain and other.well for other in _without(scenario.hosts, at)):
            yield replace(scenario, hosts=_without(scenario.hosts, at))
    for chain, count in scenario.addresses.items():
        for less in dict.fromkeys((1, count // 2, count - 1)):
            if 0 < less < count:
                yield replace(scenario, addresses={**scenario.addresses, chain: less})
    if scenario.again:
        yield replace(scenario, again=False)
    if scenario.moved:
        yield replace(scenario, moved=0.0)
    for at in range(len(scenario.runs)):
        yield replace(scenario, runs=_without(scenario.runs, at))
    for at, run in enumerate(scenario.runs):
        yield from (replace(scenario, runs=_with(scenario.runs, at, less)) for less in _less_of_run(run))
    for at, host in enumerate(scenario.hosts):
        yield from (replace(scenario, hosts=_with(scenario.hosts, at, less)) for less in _less_of_host(host))
    if scenario.disk != DiskPlan():
        yield replace(scenario, disk=DiskPlan())
        yield replace(scenario, disk=replace(scenario.disk, slow=0.0))
        for at in range(len(scenario.disk.fails)):
            yield replace(scenario, disk=replace(scenario.disk, fails=_without(scenario.disk.fails, at)))
    for field in ("late", "stalls"):
        if getattr(scenario, field):
            yield replace(scenario, **{field: 0.0})
    if scenario.shuffled:
        yield replace(scenario, shuffled=False)


def _less_of_run(run: Run) -> Iterator[Run]:
    for at in range(len(run.interruptions)):
        yield replace(run, interruptions=_without(run.interruptions, at))
    if run.step:
        yield replace(run, step=0.0)
    if run.wait:
        yield replace(run, wait=0.0)


def _less_of_host(host: HostPlan) -> Iterator[HostPlan]:
    for at, rule in enumerate(host.rules):
        yield replace(host, rules=_without(host.rules, at))
        for fault in rule.faults[1:]:
            yield replace(host, rules=_with(host.rules, at, replace(rule, faults=(fault,))))
    for at in range(len(host.for_good)):
        yield replace(host, for_good=_without(host.for_good, at))
    plain = HostPlan(host.spec, host.rules, host.for_good, turned=host.turned)
    if plain != host:
        yield plain
    if host.spec.hidden_rate is not None:
        yield replace(host, spec=replace(host.spec, hidden_rate=None))


def _without(items: tuple[Any, ...], at: int) -> tuple[Any, ...]:
    return items[:at] + items[at + 1 :]


def _with(items: tuple[Any, ...], at: int, item: Any) -> tuple[Any, ...]:
    return (*items[:at], item, *items[at + 1 :])
