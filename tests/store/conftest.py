from collections.abc import Iterator
from pathlib import Path

import pytest

from hdscan.store import Store

from .wallet import open_store

URLS = {"sqlite": "sqlite:///{path}"}  # a row for every dialect


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "hdscan.db"


@pytest.fixture(params=URLS)
def store(path: Path, request: pytest.FixtureRequest) -> Iterator[Store]:
    with open_store(URLS[request.param].format(path=path)) as store:
        yield store
