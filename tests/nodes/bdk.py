"""BDK: another wallet, beside which discovery is held."""

import sys
from importlib import import_module
from typing import Any

from tests.nodes.process import NODES


def library() -> Any:
    """BDK's bindings."""
    sys.path.append(str(NODES / "libraries"))
    try:
        return import_module("bdkpython")
    finally:
        sys.path.remove(str(NODES / "libraries"))
