"""From a seed to a scenario: which world, which faults, which interruptions."""

from random import Random

import msgspec

from hdscan.model.chain import Family
from hdscan.model.endpoint import Cost
from hdscan.settings import ScanSettings
from hdscan.sim.faults import AMOUNTS, Fault, Rule, always
from hdscan.sim.host import HostSpec, Throttle
from hdscan.sim.profile import ITEMS, THROTTLED, TRANSPORT
from hdscan.sim.world import World
from tests.simulation.branches import BranchPlan
from tests.simulation.scenario import DiskPlan, HostPlan, How, Interruption, Run, Scenario

replace = msgspec.structs.replace
FAMILIES = {"btc": Family.BITCOIN, "bsc": Family.EVM, "sol": Family.SOLANA}
SPOKEN = {
    "btc": (("esplora",),),
    "bsc": (
        ("evm-rpc",),
        ("evm-multicall",),
        ("evm-multicall", "evm-rpc"),
        ("etherscan",),
    ),
    "sol": (("solana-rpc",),),
}
TELLING = {"esplora", "evm-rpc", "etherscan"}  # protocols that tell of use
DEAD = (Fault.SERVER_ERROR, Fault.RESET, Fault.HANG, Fault.UNAVAILABLE)
WHOLE = (*TRANSPORT, Fault.HANG, Fault.OVERSIZED, Fault.TOO_LARGE)


def scenario(seed: int) -> Scenario:
    """The world of a seed."""
    dice = Random(f"scenario/{seed}")
    bounded = dice.random() < 0.1
    chains = dice.choice((["bsc"], ["bsc"], ["sol"], ["btc"], ["bsc", "sol"], ["btc", "bsc"], ["bsc", "btc", "sol"]))
    scan = _settings(dice)
    heals = _log(dice, 5, 600) if dice.random() < 0.8 else _log(dice, 600, 5000)
    most = dice.choice((5, 12, 40))
    addresses = {chain: dice.randint(1, most if chain != "btc" else max(1, most // 2)) for chain in chains}
    hosts: list[HostPlan] = []
    for chain in chains:
        hosts += _alike(dice, chain) if bounded else _hosts(dice, chain, heals)
    if not bounded and dice.random() < 0.25:
        hosts = _poisoned(dice, hosts, World(seed, addresses))
    if not bounded and dice.random() < 0.1:
        scan, heals = replace(scan, outage_limit=600.0), round(dice.uniform(100, 550), 3)
        hosts = _dark(dice, hosts)
    runs = (Run(),) if bounded else tuple(_run(dice) for _ in range(dice.choice((0, 1, 1, 2, 2, 3))))
    made = Scenario(
        seed=seed,
        addresses=addresses,
        hosts=tuple(hosts),
        scan=scan,
        heals=1e6 if bounded else heals,
        runs=runs,
        disk=DiskPlan() if bounded else _disk(dice),
        funded=dice.choice((0.1, 0.5, 0.9)),
        shuffled=dice.random() < 0.8,
        late=dice.choice((0.0, 0.0, 0.004)),
        stalls=dice.choice((0.0, 0.0, 0.0, 0.0005)),
        again=not bounded and dice.random() < 0.15,
        bounded=bounded,
    )
    made = replace(made, scan=replace(scan, audit=Random(f"audit/{seed}").choice(("spare", "spare", "off", 30.0))))
    made = made if bounded else _drawn(Random(f"drawn/{seed}"), made)
    lies = Random(f"lies/{seed}")
    made = made if bounded or lies.random() > 0.35 else _lied_to(lies, made)
    owner = Random(f"branches/{seed}")
    return made if bounded or owner.random() > 0.5 else replace(made, branches=_branches(owner, made))


def _branches(dice: Random, made: Scenario) -> tuple[BranchPlan, ...]:
    """A wallet of one account or two on a chain whose hosts tell whether an address was used."""
    well = [plan.spec for plan in made.hosts if plan.well]
    slow = {plan.spec.chain for plan in made.hosts if plan.per_hour}  # nobody waits for days
    telling = [
        chain
        for chain in made.addresses
        if chain not in slow and any(spec.chain == chain and TELLING & set(spec.protocols) for spec in well)
    ]
    plans: list[BranchPlan] = []
    gap = dice.choice((1, 2, 3, 5))
    for chain in dice.sample(telling, min(1, len(telling))):
        for account in range(dice.choice((1, 1, 2))):
            plans += (_branch(dice, chain, gap, account, change=change) for change in (False, True))
    return tuple(plans)


def _branch(dice: Random, chain: str, gap: int, account: int, *, change: bool) -> BranchPlan:
    used: list[int] = []
    for _ in range(dice.choice((0, 1, 3, 8, 20))):
        used.append((used[-1] if used else -1) + 1 + dice.choice((0, 0, 0, gap - 1, dice.randrange(gap))))
    if dice.random() < 0.2:  # out of sight
        used.append((used[-1] if used else -1) + 1 + gap + dice.randrange(gap))
    held = [position for position in used if dice.random() < 0.5]
    free = sorted(set(range((used[-1] if used else -1) + 1 + 2 * gap)) - set(used))
    later = dice.sample(free, min(len(free), 3)) if dice.random() < 0.2 else []
    return BranchPlan(
        chain,
        tuple(held),
        tuple(position for position in used if position not in held),
        tuple(sorted(later)),
        late=dice.choice((5, 20, 60)),
        gap=gap,
        change=change,
        account=account,
        dormant=account > 0,
        stored=dice.choice((gap, gap, 2 * gap, 3 * gap)),
    )


def _drawn(dice: Random, made: Scenario) -> Scenario:
    """Hosts that grant a burst, and chains of whose hosts only some are asked at a time."""
    hosts = []
    drawn = {chain for chain in made.addresses if dice.random() < 0.15}
    for plan in made.hosts:
        granted = dice.choice((3, 20, 100)) if dice.random() < 0.2 else 1
        spec = replace(plan.spec, burst=max(plan.spec.burst, granted), published_burst=granted)
        hosts.append(replace(plan, spec=spec, drawn=plan.spec.chain in drawn))
    return replace(made, hosts=tuple(hosts), scan=replace(made.scan, electrum_servers=dice.choice((1, 2, 3))))


def _log(dice: Random, low: float, high: float) -> float:
    return round(low * (high / low) ** dice.random(), 3)


def _settings(dice: Random) -> ScanSettings:
    longest = dice.choice((5.0, 10.0, 30.0))
    return ScanSettings(
        chunk=dice.choice((1, 3, 7, 20, 1000)),
        request_timeout=dice.choice((2.0, 5.0, 15.0)),
        backoff_base=dice.choice((0.5, 1.0)),
        backoff_max=longest,
        outage_limit=dice.choice((60.0, 120.0, 600.0)),
        breaker_threshold=dice.choice((1, 2, 3, 3, 5)),
        breaker_cooldown=dice.choice((3.0, 10.0, 30.0)),
        final_passes=dice.choice((0, 1, 1, 1, 2)),
    )


def _spec(dice: Random, chain: str, number: int) -> HostSpec:
    protocols = dice.choice(SPOKEN[chain])
    evm = chain == "bsc" and "etherscan" not in protocols
    counts_items = dice.random() < 0.15 and (chain == "sol" or protocols == ("evm-rpc",))
    rate = _log(dice, 4, 60) if counts_items or chain == "btc" else _log(dice, 0.7, 40)
    cap = dice.choice((None, None, 3, 7, 20)) if evm else dice.choice((None, 8, 30)) if chain == "sol" else None
    if cap is not None and "evm-multicall" in protocols:
        cap = None
    return HostSpec(
        name=f"{chain}-{number}",
        chain=chain,
        protocols=protocols,
        rate=rate,
        hidden_rate=round(rate * 0.8, 3) if dice.random() < 0.1 else None,
        cost=Cost.ITEM if counts_items else Cost.CALL,
        batch=cap,
        published_batch=cap if dice.random() < 0.5 else None,
        latency=dice.choice((0.005, 0.05, 0.3, 1.0)),
        throttle=dice.choice(list(Throttle)),
        pause=dice.choice((1.0, 5.0, 40.0)),
        gas_cap=dice.choice((12, 60, 5000)),
        operator=dice.choice((None, "one", "two")),
    )


def _hosts(dice: Random, chain: str, heals: float) -> list[HostPlan]:
    count = dice.choice((1, 2, 2, 3, 3, 4, 5, 8))
    outages = _outages(dice, heals) if dice.random() < 0.4 else ()
    share = dice.choice((0.0, 0.02, 0.1, 0.2, 0.5))
    plans = []
    for number in range(count):
        spec = _spec(dice, chain, number)
        rules = [*outages]
        for_good: tuple[Rule, ...] = ()
        if number and dice.random() < 0.25:
            for_good = _liar(dice, spec, count)
        rules += _own(dice, spec, heals)
        if share and dice.random() < 0.8:
            rules.append(Rule(faults=_some(dice, WHOLE), share=share, every=dice.random() < 0.3))
        if dice.random() < 0.5:
            faults = _some(dice, ITEMS[FAMILIES[chain]])
            # all ids moved by one would be answers in each other's place, which nobody could see
            items = dice.choice((0.1, 0.5, 0.5 if Fault.DUPLICATE_ID in faults else 1.0))
            rules.append(Rule(faults=faults, share=share or 0.2, items=items))
        if dice.random() < 0.3:
            rules.append(Rule(faults=_some(dice, THROTTLED), share=dice.choice((0.02, 0.2))))
        if "evm-rpc" in spec.protocols and dice.random() < 0.3:
            rules.append(Rule(faults=(Fault.SHIFTED_LIST,)))  # another order, which is allowed
        refuses = ((start := dice.uniform(0, heals), start + _log(dice, 1, 100)),) if dice.random() < 0.1 else ()
        plans.append(
            HostPlan(
                spec,
                tuple(rules),
                for_good,
                tuple((round(a, 3), round(b, 3)) for a, b in refuses),
                connect=dice.choice((0.0, 0.0, 0.0, 0.02, 0.3)),
                per_minute=dice.choice((20, 40)) if dice.random() < 0.08 else None,
                per_hour=dice.choice((60, 200)) if dice.random() < 0.03 else None,
            )
        )
    return plans


def _alike(dice: Random, chain: str) -> list[HostPlan]:
    """Hosts of one kind, of which each breaks a fifth of the calls at most."""
    first = _spec(dice, chain, 0)
    rules = (Rule(faults=_some(dice, TRANSPORT), share=0.2),)
    fields = {name: getattr(first, name) for name in first.__struct_fields__}
    fields |= {"hidden_rate": None, "gas_cap": 5000, "published_batch": first.batch}
    return [HostPlan(HostSpec(**fields | {"name": f"{chain}-{number}"}), rules) for number in range(dice.randint(2, 4))]


def _some(dice: Random, faults: tuple[Fault, ...]) -> tuple[Fault, ...]:
    return tuple(dice.sample(faults, dice.randint(1, min(4, len(faults)))))


def _outages(dice: Random, heals: float) -> tuple[Rule, ...]:
    """The whole chain is away once, or now and then."""
    faults = _some(dice, DEAD)
    at = dice.uniform(0, 20)
    if dice.random() < 0.6:
        return (always(*faults, since=round(at, 3), until=round(at + _log(dice, 3, 3600), 3)),)
    rules = []
    for _ in range(dice.randint(2, 6)):
        length = _log(dice, 1, 60)
        rules.append(always(*faults, since=round(at, 3), until=round(at + length, 3)))
        at += length + _log(dice, 1, 60)
    return tuple(rules)


def _dark(dice: Random, hosts: list[HostPlan]) -> list[HostPlan]:
    """Soon nobody answers anything, until the world heals."""
    since = round(dice.uniform(0, 5), 3)
    night = always(*_some(dice, (Fault.SERVER_ERROR, Fault.RESET, Fault.HANG)), since=since)
    return [HostPlan(replace(host.spec, hidden_rate=None), (night,), host.for_good) for host in hosts]


def _poisoned(dice: Random, hosts: list[HostPlan], world: World) -> list[HostPlan]:
    """Nobody can read one of a chain's addresses until the world heals."""
    chain = dice.choice([host.spec.chain for host in hosts])
    address = world[chain].address(dice.randrange(len(world[chain])))
    poison = Rule(faults=(dice.choice((Fault.ERROR_OBJECT, Fault.SERVER_ERROR)),), address=address)
    return [replace(h, rules=(poison, *h.rules)) if h.spec.chain == chain else h for h in hosts]


def _own(dice: Random, spec: HostSpec, heals: float) -> list[Rule]:
    """What befalls this host alone."""
    since = round(dice.uniform(0, 30), 3)
    until = round(since + _log(dice, 2, 2000), 3)
    if "evm-multicall" in spec.protocols and dice.random() < 0.15:
        return [always(Fault.WRONG_CHAIN, since=round(dice.uniform(0.5, 5), 3))]  # it says so itself, but not at once
    match dice.randrange(14):
        case 0:
            return [always(Fault.HANG)]
        case 1:
            return [always(*_some(dice, DEAD), since=since, until=until)]
        case 2:
            return [always(Fault.BAD_KEY, since=dice.choice((0.0, since)))]
        case 3:
            return [always(Fault.QUOTA, since=since, until=until)]
        case 4:
            return [Rule(faults=(Fault.TOKENS_FAIL,), token=True, since=since, until=until)]
        case 5:
            return [always(Fault.WRONG_CHAIN, since=dice.choice((0.0, round(dice.uniform(1, 6), 3))))]
        case 6:
            return [always(Fault.STALE, since=dice.choice((0.0, since)), until=until)]
        case 7 if FAMILIES[spec.chain] is not Family.SOLANA:
            return [always(Fault.ORPHANED, since=dice.choice((0.0, since / 10)), until=until)]
    return []


def _liar(dice: Random, spec: HostSpec, count: int) -> tuple[Rule, ...]:
    if count > 2 and dice.random() < 0.4:
        return (always(Fault.STALE),)
    return (always(dice.choice((Fault.WRONG_CHAIN, Fault.HANG, Fault.BAD_KEY))),)


def _lied_to(dice: Random, plain: Scenario) -> Scenario:
    """Beside two honest operators or more, or one that is trusted, one of every chain lies about amounts.

    Often it does so only once balances have moved.
    """
    hosts = list(plain.hosts)
    for chain in plain.addresses:
        mine = [host for host in hosts if host.spec.chain == chain]
        honest = [host.spec.operator or host.spec.name for host in mine if host.well]
        if dice.random() < 0.2 and all(host.well for host in mine if host.spec.operator == honest[0]):
            own = {host.spec.name for host in mine if honest[0] in (host.spec.operator, host.spec.name)}
            hosts = [replace(host, trusted=True) if host.spec.name in own else host for host in hosts]
            honest.append("")
        for number in range(len(set(honest)), 2):
            spec = replace(_spec(dice, chain, number), name=f"{chain}-honest-{number}", operator=None)
            hosts.append(HostPlan(spec, (Rule(faults=_some(dice, WHOLE), share=0.1),)))
        lie = Rule(
            faults=(dice.choice(sorted(AMOUNTS)),),
            items=dice.choice((0.1, 0.5, 1.0)),
            since=dice.choice((0.0, 0.0, round(dice.uniform(0, 10), 3))),
        )
        liar = HostPlan(replace(_spec(dice, chain, 0), name=f"{chain}-liar", operator=None))
        when = dice.choice(("for_good", "turned", "turned"))
        hosts.insert(dice.randrange(len(hosts) + 1), replace(liar, **{when: (lie,)}))
    return replace(plain, hosts=tuple(hosts), again=True, moved=dice.choice((0.0, 0.02, 0.3)))


def _run(dice: Random) -> Run:
    interruptions: tuple[Interruption, ...] = ()
    if dice.random() < 0.6:
        step = int(_log(dice, 1, 4000))
        interruptions = (Interruption(dice.choice(list(How)), step),)
        if dice.random() < 0.3:
            interruptions += (Interruption(dice.choice(list(How)), step + int(_log(dice, 1, 300))),)
    stepped = dice.choice((-86_400.0, -3600.0, -1.5, 1.5, 3600.0, 86_400.0)) if dice.random() < 0.15 else 0.0
    return Run(dice.choice((0.0, 0.5, 30.0, 3000.0)), stepped, interruptions)


def _disk(dice: Random) -> DiskPlan:
    slow = dice.choice((0.0, 0.0, 0.0, 0.05, 2.0))
    fails = []
    if dice.random() < 0.25:
        for _ in range(dice.randint(1, 3)):
            first = int(_log(dice, 1, 300))
            fails.append((first, first + dice.choice((1, 1, 2, 5, 40)), dice.choice((0, 2, 4, 7, -1))))
    return DiskPlan(slow, tuple(fails))
