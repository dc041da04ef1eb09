"""Says in one line what is left out."""

import pytest

from tests.nodes.conftest import MISSING


def test_the_nodes_are_installed() -> None:
    if MISSING:
        pytest.skip(f"the tests against {', '.join(MISSING)} are left out, not installed: make nodes")
