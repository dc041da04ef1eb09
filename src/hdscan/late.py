"""Modules that are imported at their first use, so that a command loads only what it runs."""

from importlib import import_module
from typing import Any


class Late:
    """Stands for a module; its names are looked up in the module, which the first look-up imports."""

    def __init__(self, module: str) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        found = getattr(import_module(self._module), name)
        setattr(self, name, found)  # the next look-up is an attribute's
        return found
