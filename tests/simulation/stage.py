"""What a process of this program plays on: one database file, emptied for every life, and one engine over it."""

import atexit
import gc
import os
import shutil
import tempfile
from functools import lru_cache
from pathlib import Path

import msgspec

from hdscan.app.demo import simulated_settings
from hdscan.model.chain import Network
from hdscan.settings import Settings
from hdscan.sim.chains import EPOCH
from hdscan.sim.world import World
from hdscan.store import Store
from hdscan.store.database import Database
from tests.simulation.net import Site
from tests.simulation.scenario import Scenario

BEGAN = EPOCH + 26_000_000.5  # unix seconds


class Stage:
    """A database file that every life begins with empty, and its engine: one of each in a process."""

    def __init__(self) -> None:
        where = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        directory = Path(tempfile.mkdtemp(prefix="hdscan-simulation-", dir=where))
        atexit.register(shutil.rmtree, directory, ignore_errors=True)
        self.path, self._template = directory / "wallet.db", directory / "empty.db"
        nobody = settings(World(0, 0), {}, self._template, None)
        with Store.open(nobody.db, Network.MAINNET) as store:
            store.register(list(nobody.chains.values()), [a for each in nobody.assets.values() for a in each])
        self.empty()
        self.database = Database.at(f"sqlite:///{self.path}", create=False)
        self._lives = 0
        gc.collect()
        gc.freeze()

    def empty(self) -> None:
        """Put an empty database there."""
        for ending in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + ending).unlink(missing_ok=True)
        shutil.copyfile(self._template, self.path)

    def played(self) -> bool:
        """Whether it is time to collect what lives left behind."""
        self._lives += 1
        return self._lives % 20 == 0


the_stage = lru_cache(1)(Stage)


def settings(world: World, sites: dict[str, Site], path: Path, scenario: Scenario | None) -> Settings:
    endpoints = tuple(site.endpoint for site in sites.values())
    """What the client is told about the world."""
    told = simulated_settings(world, endpoints, path)
    return told if scenario is None else msgspec.structs.replace(told, scan=scenario.scan)
