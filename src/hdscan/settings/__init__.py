"""Typed configuration: hdscan.toml, the environment and flags, read once into one frozen value."""

from hdscan.settings.load import Settings, load
from hdscan.settings.schema import ScanSettings
from hdscan.settings.show import show, shown, template

__all__ = ["ScanSettings", "Settings", "load", "show", "shown", "template"]
