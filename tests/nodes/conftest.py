"""Tests against nodes that others wrote. Those of a node that is not installed are left out, which one line says."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.nodes.process import NODES
from tests.nodes.table import COMPARED, compared

NEEDS = {
    "anvil": ("test_anvil*.py", ["npm", "libraries"]),
    "bitcoind and ElectrumX": ("test_bitcoin*.py", ["bitcoin", "electrumx-1.16.0", "electrumx-1.20.0", "libraries"]),
    "published lists": ("test_published.py", ["lists"]),
    "surfpool": ("test_surfpool.py", ["npm"]),
}
MISSING = {
    node: test for node, (test, parts) in NEEDS.items() if not all((NODES / f"{part}.installed").exists() for part in parts)
}
collect_ignore_glob = list(MISSING.values())


@pytest.fixture(autouse=True)
def _no_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but what a test configures."""
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path))


@pytest.fixture(autouse=True)
def _compared(request: pytest.FixtureRequest) -> Iterator[None]:
    """Hand on what the test has compared, for the table."""
    compared.clear()
    yield
    request.node.user_properties.append((COMPARED, msgspec.to_builtins(compared)))
