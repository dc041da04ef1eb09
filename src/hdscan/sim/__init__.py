"""Simulated chains behind real HTTP servers, to write and test providers against.

`World` is the truth (addresses and balances from a seed), `City` a set of hosts that serve it in this process, `Simulation`
the same in a child process, `Rule` says when a host goes wrong and how, `judge` what the request logs say about a client.

    async with City(World(seed=1, addresses=100), faults={"sim-mempool": [script(Fault.RESET, None)]}) as city:
        ...  # talk to city.endpoints as if they were the real ones
        assert not any(judgement.violations for judgement in city.judge())
        assert balances == city.world.truth()

Nothing here imports the product's codecs: a mistake in one of them can't hide behind the same mistake here.
"""
