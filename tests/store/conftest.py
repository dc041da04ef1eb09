from collections.abc import Iterator
from pathlib import Path

import pytest

from hdscan.store import Store

from .wallet import open_store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "hdscan.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with open_store(path) as store:
        yield store
