"""Simulated chains behind real HTTP servers, to write and test providers against.

`World` is the truth (addresses and balances from a seed), `City` a set of hosts that serve it in this process, `Simulation`
the same in a child process. `HostSpec` describes a host (protocol, rate, batch cap, latency), a `Rule` its faults, and the
judge checks by the request logs that a client kept to rates and pauses.

    world = World(seed=1, addresses=100)
    async with City(world, faults={"sim-mempool": [script(Fault.RESET, None, Fault.THROTTLED_DATE)]}) as city:
        ...  # use city.endpoints like the real ones
        assert balances == world.truth()  # (chain, index, symbol) -> base units
        assert not any(judgement.violations for judgement in city.judge())

    async with Simulation(Config(seed=1, addresses=5000, faults="wild")) as sim:
        ...  # sim.endpoints, sim.world, await sim.judge(), await sim.log("sim-mempool"), await sim.set_faults("none")

Nothing here imports the product's codecs, so that no mistake of theirs is repeated here.
"""
